// encoder_json.cpp: encoder.json, event by event, so that a repeated key does not go unseen.
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/text/vocabulary.h"

namespace attnlab::text {
namespace {

class EncoderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  EncoderReader(const std::string& file, TokenIds& ids) : file_(file), ids_(ids) {}

  bool start_object(std::size_t) override {
    if (inside_) refuse_value("an object");
    return inside_ = true;
  }
  bool key(string_t& key) override {
    key_ = key;
    return true;
  }
  bool number_unsigned(number_unsigned_t id) override {
    require_inside("a number");
    if (id > kLargestId) refuse_value(std::to_string(id));
    const auto [entry, is_new] = ids_.emplace(key_, static_cast<std::uint32_t>(id));
    if (!is_new) throw Error(file_ + " has the token '" + key_ + "' twice. " + kRemedy);
    if (token_of_.size() <= id) token_of_.resize(id + 1, nullptr);
    if (token_of_[id] != nullptr) {
      throw Error(file_ + " gives the id " + std::to_string(id) + " to '" + *token_of_[id] +
                  "' and to '" + key_ + "'; expected each id once. " + kRemedy);
    }
    token_of_[id] = &entry->first;
    return true;
  }
  bool number_integer(number_integer_t value) override { refuse_value(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { refuse_value(text); }
  bool string(string_t& text) override { refuse_value("'" + text + "'"); }
  bool binary(binary_t&) override { refuse_value("bytes"); }
  bool boolean(bool value) override { refuse_value(value ? "true" : "false"); }
  bool null() override { refuse_value("null"); }
  bool start_array(std::size_t) override { refuse_value("a list"); }
  bool end_array() override { return true; }
  bool end_object() override { return true; }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    throw Error(file_ + " is not valid JSON near byte " + std::to_string(position) + ": " +
                error.what() + ". " + kRemedy);
  }

 private:
  static constexpr const char* kRemedy = "Delete it and fetch it again.";

  void require_inside(const char* found) const {
    if (inside_) return;
    throw Error(file_ + " holds " + found + "; expected an object {token: id}. " + kRemedy);
  }
  [[noreturn]] void refuse_value(const std::string& found) const {
    require_inside(found.c_str());
    throw Error(file_ + " gives the token '" + key_ + "' the id " + found +
                "; expected a whole number from 0 to " + std::to_string(kLargestId) + ". " +
                kRemedy);
  }

  std::string file_, key_;
  TokenIds& ids_;
  std::vector<const std::string*> token_of_;
  bool inside_ = false;
};

}  // namespace

TokenIds read_encoder_json(const VocabularyFile& file) {
  TokenIds ids;
  EncoderReader reader(file.name, ids);
  nlohmann::json::sax_parse(file.content, &reader);
  return ids;
}

}  // namespace attnlab::text

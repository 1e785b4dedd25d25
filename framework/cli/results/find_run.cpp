#include "framework/cli/results/find_run.h"

#include <algorithm>

#include "framework/core/error.h"

namespace attnlab::cli {

std::int64_t find_run(const store::Reader& reader, const std::string& word) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool number =
      !word.empty() && word.size() < 16 && std::all_of(word.begin(), word.end(), is_digit);
  const auto found =
      number ? reader.query("SELECT id, '' FROM run_attempts WHERE id = ?1", {std::stoll(word)})
             : reader.query(
                   "SELECT coalesce(max(id) FILTER (WHERE status = 'done'), max(id)), fingerprint FROM run_attempts WHERE length(?1) >= 6 AND "
                   "substr(fingerprint, 1, length(?1)) = ?1 GROUP BY fingerprint",
                   {word});
  if (found.rows.size() == 1) return std::get<std::int64_t>(found.rows[0][0]);
  if (found.rows.size() > 1) {
    throw Error("'" + word + "' begins " + std::to_string(found.rows.size()) +
                " fingerprints; give more digits");
  }
  throw Error("there is no run '" + word +
              "' in the database; expected a run's number or the first " +
              "6 or more digits of a fingerprint. attnlab runs lists them.");
}

}  // namespace attnlab::cli

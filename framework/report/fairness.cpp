#include "framework/report/fairness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "framework/core/text.h"

namespace attnlab::report {
namespace {

constexpr char kFlagDiffers[] = "≠", kFlagUnknown[] = "?", kFlagSame[] = "=";
using Labels = std::vector<std::string>;

std::vector<Cell> card_line(const char* flag, const char* what, std::string finding) {
  return {{std::string(flag)}, {std::string(what)}, {std::move(finding)}};
}

/// "dense: 157,056; sink: 157,064" of those that have another text than what they are compared with,
/// behind what that has.
std::vector<Cell> compared_line(const char* what, std::span<const Duel> duels,
                           const std::function<std::string(const Group&)>& text) {
  Labels parts, unknown;
  std::set<const Group*> told;
  std::string same;
  for (const auto& duel : duels) {
    const auto own = text(*duel.own), other = text(*duel.other);
    if (own.empty()) unknown.push_back(duel.own->label);
    if (!other.empty()) same = other;
    if (own == other || own.empty() || other.empty()) continue;
    if (told.insert(duel.other).second) parts.push_back(duel.other->label + ": " + other);
    parts.push_back(duel.own->label + ": " + own);
  }
  auto finding = parts.empty() ? same : listed(parts);
  if (!unknown.empty()) {
    finding += (finding.empty() ? "not stored by " : "; not stored by ") + listed(unknown);
  }
  return card_line(!parts.empty() ? kFlagDiffers : !unknown.empty() ? kFlagUnknown : kFlagSame, what, finding);
}

std::vector<Cell> parameters_line(std::span<const Duel> duels) {
  return compared_line("parameters", duels, [](const Group& group) {
    for (const auto& run : group.runs) {
      const double count = run.number("parameters");
      if (!std::isnan(count)) return grouped(static_cast<std::int64_t>(count));
    }
    return std::string();
  });
}

std::vector<Cell> operations_line(std::span<const Duel> duels) {
  Labels parts, unknown;
  bool differ = false;
  const auto mean = [](const Group& group) {
    std::vector<double> known;  // by runs that came so far
    for (const auto& run : group.runs) {
      const double flops = flops_per_token(run);
      if (!std::isnan(flops)) known.push_back(flops);
    }
    return sample_of(known).mean;
  };
  for (const auto& duel : duels) {
    const double own = mean(*duel.own), other = mean(*duel.other);
    if (std::isnan(own)) unknown.push_back(duel.own->label);
    if (std::isnan(own) || std::isnan(other)) continue;
    if (duel.own == duel.other) {
      parts.push_back(fmt::format("{}: {} FLOP", duel.own->label, human_count(own)));
      continue;
    }
    differ = differ || std::abs(own / other - 1) > 1e-3;
    parts.push_back(fmt::format("{}: {:.3g}x", duel.own->label, own / other));
  }
  auto finding = listed(parts);
  if (!unknown.empty()) finding += (parts.empty() ? "" : "; ") + ("not stored by " + listed(unknown));
  return card_line(differ ? kFlagDiffers : !unknown.empty() ? kFlagUnknown : kFlagSame, "operations a token", finding);
}

/// Whether the pairs of all variants share what Duel says in `others`.
std::vector<Cell> shared_line(const char* what, std::span<const Duel> duels, const char* same,
                                  Labels Duel::*others) {
  Labels differ, unknown;
  for (const auto& duel : duels) {
    if (!(duel.*others).empty()) {
      differ.push_back(duel.own->label + " (seed " + listed(duel.*others) + ")");
    }
    if (!duel.unknown.empty()) unknown.push_back(duel.own->label);
  }
  if (!differ.empty()) return card_line(kFlagDiffers, what, "other ones: " + listed(differ));
  if (!unknown.empty()) return card_line(kFlagUnknown, what, "not stored by " + listed(unknown));
  return card_line(kFlagSame, what, same);
}

std::vector<Cell> configs_line(std::span<const Duel> duels) {
  Labels parts;
  for (const auto& duel : duels) {
    const auto &own = duel.own->runs[0].config, &other = duel.other->runs[0].config;
    Labels keys;
    for (const auto& [key, value] : own) {
      if (key == "seed" || key.starts_with("attention.")) continue;
      const auto match = other.find(key);
      const auto instead = match == other.end() ? "nothing" : match->second;
      if (instead != value) keys.push_back(key + " " + value + " instead of " + instead);
    }
    if (!keys.empty()) parts.push_back(duel.own->label + ": " + listed(keys));
  }
  return parts.empty() ? card_line(kFlagSame, "config", "equal but for the attention")
                       : card_line(kFlagDiffers, "config", listed(parts));
}

std::vector<Cell> code_line(std::span<const Duel> duels) {
  Labels parts;
  for (const auto& duel : duels) {
    const auto &own = duel.own->runs[0].origin, &other = duel.other->runs[0].origin;
    Labels keys;
    for (const auto& [part, value] : own) {
      const auto match = other.find(part);
      if (part == "plugin" || part == "device") continue;
      if (match == other.end() || match->second != value) keys.push_back(part);
    }
    if (!keys.empty()) parts.push_back(duel.own->label + ": other " + listed(keys));
  }
  return parts.empty() ? card_line(kFlagSame, "code and data", "equal but for the plugin")
                       : card_line(kFlagDiffers, "code and data", listed(parts));
}

std::map<std::int64_t, std::string> machines(const store::Reader& reader,
                                             std::span<const Duel> duels) {
  std::string ids;
  for (const auto& duel : duels) {
    for (const auto& run : duel.own->runs) ids += (ids.empty() ? "[" : ",") + run.text("id");
  }
  std::map<std::int64_t, std::string> found;
  reader.each(
      "SELECT a.id, ltrim(coalesce(', ' || (content ->> '$.host'), '') || coalesce(', ' || (content ->> "
      "'$.cpu'), '') || coalesce(', ' || (content ->> '$.gpu'), ''), ', ') "
      "FROM json_each(?1) JOIN run_attempts AS a ON a.id = value "
      "JOIN environments AS e ON e.id = environment_id",
      {ids + "]"}, [](const auto&) {},
      [&](const store::Row& row) { found[store::whole_of(row[0])] = exact(row[1]); });
  return found;
}

std::vector<Cell> hardware_line(const store::Reader& reader, std::span<const Duel> duels) {
  const auto machine = machines(reader, duels);
  return compared_line("hardware", duels, [&](const Group& group) {
    std::set<std::string> texts;
    for (const auto& run : group.runs) {
      const auto found = machine.find(store::whole_of(run.value("id")));
      if (found != machine.end()) texts.insert(found->second);
    }
    auto text = listed(Labels(texts.begin(), texts.end()));
    if (!text.empty()) text += " (" + listed(group.runs, "device") + ")";
    return text;
  });
}

std::vector<Cell> company_line(std::span<const Duel> duels) {
  Labels shared, unknown;
  for (const auto& duel : duels) {
    const auto said = [](const RunRow& run) { return !store::is_null(run.value("shared")); };
    if (any_true(duel.own->runs, "shared")) shared.push_back(duel.own->label);
    if (std::ranges::none_of(duel.own->runs, said)) unknown.push_back(duel.own->label);
  }
  if (!shared.empty()) {
    return card_line(kFlagDiffers, "shared machine", "other runs ran beside " + listed(shared) + ": times are theirs too");
  }
  if (!unknown.empty()) return card_line(kFlagUnknown, "shared machine", "not stored by " + listed(unknown));
  return card_line(kFlagSame, "shared machine", "no other runs meanwhile");
}

/// "without a partner: none (2); failed: sink (3, 4)".
std::vector<Cell> seeds_line(std::span<const Duel> duels) {
  std::vector<std::pair<std::string, Labels>> found{{"without a partner", {}}};  // by what is the matter
  const auto add = [&](const std::string& what, const Group& group, const Labels& seeds) {
    auto known = std::ranges::find(found, what, &std::pair<std::string, Labels>::first);
    if (known == found.end()) known = found.insert(found.end(), {what, {}});
    known->second.push_back(group.label + " (" + listed(seeds) + ")");
  };
  std::set<const Group*> told;
  for (const auto& duel : duels) {
    if (!duel.unpaired.empty()) add("without a partner", *duel.own, duel.unpaired);
    for (const auto& [group, lost] : {std::pair{duel.own, &duel.lost}, std::pair{duel.other, &duel.other_lost}}) {
      std::map<std::string, Labels> seeds;
      if (told.insert(group).second) {
        for (const auto& run : *lost) seeds[run.why].push_back(run.seed);
      }
      for (const auto& [why, of] : seeds) add(why, *group, of);
    }
  }
  Labels parts;
  for (const auto& [what, variants] : found) {
    if (!variants.empty()) parts.push_back(what + ": " + listed(variants));
  }
  return parts.empty() ? card_line(kFlagSame, "seeds", "the same for all")
                       : card_line(kFlagDiffers, "seeds", join(parts, "; "));
}

std::string fact_of(const Group& group, const std::string& name) {
  Labels texts;
  for (const auto& run : group.runs) {
    const auto found = run.facts.find(name);
    if (found != run.facts.end() && std::ranges::find(texts, found->second) == texts.end()) {
      texts.push_back(found->second);
    }
  }
  return listed(texts);
}

}  // namespace

double flops_per_token(const RunRow& run) {
  const double length = run.number("length"), width = run.number("width");
  // Learned positions are looked up, not multiplied.
  const auto positions = run.config.find("model.positions");
  const bool learned = positions == run.config.end() || positions->second == "learned";
  const double weights = run.number("parameters") - (learned ? length * width : 0);
  return 6 * weights + 12 * width * run.number("layers") * run.number("pairs_per_query");
}

Table fairness_card(const store::Reader& reader, std::span<const Duel> duels) {
  Table table{{{"flag", Align::left, Format::automatic, " "},
               {"what", Align::left, Format::automatic, "fairness"},
               {"finding", Align::left, Format::automatic, "besides the attention"}},
              {}};
  table.rows = {parameters_line(duels),
                operations_line(duels),
                shared_line("initial weights", duels, "equal bits in every pair", &Duel::other_weights),
                shared_line("data order", duels, "the same batches in every pair", &Duel::other_batches),
                seeds_line(duels),
                configs_line(duels),
                code_line(duels),
                compared_line("precision", duels, [](const Group& g) { return listed(g.runs, "precision"); }),
                compared_line("validated", duels, [](const Group& g) { return fact_of(g, "validated"); }),
                hardware_line(reader, duels),
                company_line(duels)};
  return table;
}

}  // namespace attnlab::report

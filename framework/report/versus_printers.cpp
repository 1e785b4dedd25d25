// versus_printers.cpp: the tables of versus.h as text, Markdown and LaTeX.
#include <fmt/format.h>

#include "framework/core/text.h"
#include "framework/report/versus.h"

namespace attnlab::report {

std::string to_text(const Versus& versus) {
  std::string text = versus.caption + "\n";
  for (const auto& question : versus.questions) {
    text += "\n" + question.words + "\n\n" + to_text(question.table);
    for (const auto& note : question.notes) text += note + "\n";
  }
  text += "\nBesides the attention (≠ differs, ? not stored):\n";
  for (const auto& row : versus.fairness.rows) {
    text += fmt::format("{} {:<19}{}\n", exact(row[0].value), exact(row[1].value), exact(row[2].value));
  }
  return text;
}

std::string to_markdown(const Versus& versus) {
  std::string text = versus.caption + "\n";
  for (const auto& question : versus.questions) {
    text += "\n" + question.words + "\n\n" + to_markdown(question.table);
    for (const auto& note : question.notes) text += "\n" + note + "\n";
  }
  text += "\n" + to_markdown(versus.fairness) + "\n<!--\n";
  for (const auto& line : versus.run_ids) text += line + "\n";
  return text + "-->\n";
}

std::string to_latex(const Versus& versus) {
  std::string text;
  const auto comment = [&](const std::string& words) {
    for (const auto& line : split(words, '\n')) text += "% " + line + "\n";
  };
  comment(versus.caption);
  for (const auto& line : versus.run_ids) comment(line);
  for (const auto& row : versus.fairness.rows) {
    comment(exact(row[0].value) + " " + exact(row[1].value) + ": " + exact(row[2].value));
  }
  for (const auto& question : versus.questions) {
    comment(question.words);
    for (const auto& note : question.notes) comment(note);
    text += to_latex(question.table);
  }
  return text;
}

}  // namespace attnlab::report

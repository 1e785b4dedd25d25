// completion.cpp: `attnlab completion bash|zsh`: the script that a shell's start file sources.
#include "framework/cli/commands.h"
#include "framework/cli/options.h"
#include "framework/core/error.h"
#include "framework/core/output.h"

namespace attnlab::cli {
namespace {

constexpr char kBash[] = R"bash(# bash completion of attnlab: source <(attnlab completion bash)
_attnlab() {
  local program=${COMP_WORDS[0]/#\~/$HOME} lines
  type -P -- "$program" >/dev/null || return 0
  mapfile -t lines < <("$program" complete bash "$COMP_POINT" "$COMP_LINE" "$COMP_WORDBREAKS" 2>/dev/null)
  COMPREPLY=("${lines[@]:1}")
  case ${lines[0]-} in *nospace*) compopt -o nospace 2>/dev/null ;; esac
  case ${lines[0]-} in *files*) compopt -o bashdefault -o default 2>/dev/null ;; esac
}
complete -F _attnlab attnlab
)bash";

constexpr char kZsh[] = R"zsh(#compdef attnlab
# zsh completion of attnlab, behind compinit: source <(attnlab completion zsh)
_attnlab() {
  local -a lines
  local program=${~words[1]}
  (( $+commands[$program] )) || [[ -x $program ]] || return 1
  lines=("${(@f)$("$program" complete words "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  if [[ $lines[1] == *nospace* ]]; then
    compadd -S '' -- "${(@)lines[2,-1]}"
  else
    compadd -- "${(@)lines[2,-1]}"
  fi
  [[ $lines[1] == *files* ]] && { compset -P '--*='; _files }
  return 0
}
compdef _attnlab attnlab
)zsh";

}  // namespace

int completion(Arguments arguments) {
  Options options("completion", "bash|zsh", "Prints what makes a shell complete commands, options, keys, values, runs and studies.");
  options.notes(
      "examples\n"
      "  source <(attnlab completion bash)      now, or as a line of ~/.bashrc\n"
      "  source <(attnlab completion zsh)       behind compinit, or as a line of ~/.zshrc");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const auto& words = parsed->words();
  if (words.size() != 1 || (words[0] != "bash" && words[0] != "zsh")) {
    throw Error("attnlab completion: expected bash or zsh" + (words.empty() ? "" : ", found '" + words[0] + "'"), kExitUsage);
  }
  print(words[0] == "bash" ? kBash : kZsh);
  return kExitOk;
}

}  // namespace attnlab::cli

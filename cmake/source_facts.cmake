# source_facts.cmake: run by cmake --install: share/attnlab/source_facts, the commit that was installed.
# Runs of an installation store it beside their numbers, as runs from a checkout ask git.
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)
execute_process(COMMAND git --no-optional-locks -C ${root} rev-parse HEAD OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
execute_process(COMMAND git --no-optional-locks -C ${root} status --porcelain OUTPUT_VARIABLE changes ERROR_QUIET)
set(facts "")
if(NOT failed AND changes STREQUAL "")
  set(facts "git_commit=${commit}\ngit_dirty=0\n")
elseif(NOT failed)
  set(facts "git_commit=${commit}\ngit_dirty=1\n")
endif()
file(WRITE "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/attnlab/source_facts" "${facts}")

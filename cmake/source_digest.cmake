# source_digest.cmake: cmake -DHEADER=... -DROOT=... "-DFILES=a|b" [-DMACRO=...] -P source_digest.cmake
# sha256 over the lines "name sha256" of the files, names relative to ROOT.
if(NOT MACRO)
  set(MACRO ATTNLAB_PLUGIN_SOURCE_DIGEST)
endif()
string(REPLACE "|" ";" files "${FILES}")
set(lines "")
foreach(path IN LISTS files)
  file(SHA256 ${path} digest)
  file(RELATIVE_PATH name ${ROOT} ${path})
  string(APPEND lines "${name} ${digest}\n")
endforeach()
string(SHA256 digest "${lines}")
file(WRITE ${HEADER} "#define ${MACRO} \"${digest}\"\n")

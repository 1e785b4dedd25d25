# attnlab_outside_plugin.cmake: what attnlab_attention_plugin(NAME) adds in a project outside the tree.
#   build       attention_NAME.so in the project's build folder, and its config.yaml beside it as
#               attention_NAME.yaml, where attnlab finds it; gone with it
#   ctest       check_NAME: attnlab plugin check
#   install     both files into the user's plugin folder, which attnlab searches by itself;
#               ATTNLAB_PLUGIN_INSTALL_DIR names another
include_guard(GLOBAL)

function(attnlab_outside_plugin name folder)
  set(target attention_${name})
  set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
                        INSTALL_RPATH_USE_LINK_PATH ON)
  set(data $ENV{XDG_DATA_HOME})
  if(NOT data)
    set(data $ENV{HOME}/.local/share)
  endif()
  set(ATTNLAB_PLUGIN_INSTALL_DIR ${data}/attnlab/plugins CACHE PATH "where cmake --install puts plugins")
  install(TARGETS ${target} LIBRARY DESTINATION ${ATTNLAB_PLUGIN_INSTALL_DIR})
  file(GLOB seen CONFIGURE_DEPENDS ${folder}/config.yaml)  # a build notices that it comes or goes
  if(EXISTS ${folder}/config.yaml)
    configure_file(${folder}/config.yaml ${CMAKE_CURRENT_BINARY_DIR}/${target}.yaml COPYONLY)
    install(FILES ${folder}/config.yaml DESTINATION ${ATTNLAB_PLUGIN_INSTALL_DIR} RENAME ${target}.yaml)
  else()  # copies of one that was removed would stay in effect
    file(REMOVE ${CMAKE_CURRENT_BINARY_DIR}/${target}.yaml)
    install(CODE "file(REMOVE \"\$ENV{DESTDIR}${ATTNLAB_PLUGIN_INSTALL_DIR}/${target}.yaml\")")
  endif()
  add_test(NAME check_${name} COMMAND attnlab::attnlab plugin check $<TARGET_FILE:${target}>)
endfunction()

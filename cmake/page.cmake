# The page's files, each plain and compressed, in the binary (src/reporter/page.c serves them):
# everything in web/, and Chart.js as Debian packages it (libjs-chart.js).
# sluice_page(target) defines the embedded files sluice_page.
find_program(GZIP gzip REQUIRED)
set(CHART_JS /usr/share/javascript/chart.js/chart.min.js)
set(CHART_JS_VERSION 3.9.1)

if(NOT EXISTS ${CHART_JS})
  message(FATAL_ERROR "${CHART_JS} is missing: install libjs-chart.js")
endif()
file(READ ${CHART_JS} chart_js_head LIMIT 100)
if(NOT chart_js_head MATCHES "Chart\\.js v${CHART_JS_VERSION}[^0-9]")
  message(FATAL_ERROR "${CHART_JS} is not Chart.js ${CHART_JS_VERSION}, which the page is made for")
endif()

function(sluice_page target)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/*)
  set(folder ${CMAKE_BINARY_DIR}/page)
  file(MAKE_DIRECTORY ${folder})
  set(all "")
  foreach(path ${files} ${CHART_JS})
    get_filename_component(name ${path} NAME)
    add_custom_command(OUTPUT ${folder}/${name}.gz
      COMMAND ${GZIP} -9nc ${path} > ${folder}/${name}.gz DEPENDS ${path} VERBATIM)
    list(APPEND all ${path} ${folder}/${name}.gz)
  endforeach()
  sluice_embed_files(${target} sluice_page ${all})
endfunction()

# Puts files into the binary, so that it runs from anywhere with nothing beside it.
# sluice_embed(target folder pattern symbol) defines
#   const struct embedded_file symbol[]; const size_t symbol##_count;  (base/embedded.h)
# sorted by name.
function(sluice_embed target folder pattern symbol)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/${pattern})
  list(SORT files)
  sluice_embed_files(${target} ${symbol} ${files})
endfunction()

# The same of files named one by one, in their order.
function(sluice_embed_files target symbol)
  set(files ${ARGN})
  set(out ${CMAKE_BINARY_DIR}/embedded/${symbol}.c)
  set(text "#include \"base/embedded.h\"\n\n")
  set(rows "")
  set(index 0)
  foreach(path ${files})
    get_filename_component(name ${path} NAME)
    # The assembler reads the file itself: no limit on string literals, no generated copy.
    string(APPEND text "__asm__(\".section .rodata\\n\"\n  \"${symbol}_${index}:\\n\"\n"
      "  \".incbin \\\"${path}\\\"\\n\"\n  \"${symbol}_${index}_end:\\n .byte 0\\n .previous\\n\");\n"
      "extern const char ${symbol}_${index}[], ${symbol}_${index}_end[];\n")
    string(APPEND rows "    { \"${name}\", ${symbol}_${index}, ${symbol}_${index}_end },\n")
    math(EXPR index "${index} + 1")
  endforeach()
  string(APPEND text "extern const struct embedded_file ${symbol}[];\nextern const size_t ${symbol}_count;\n"
    "const struct embedded_file ${symbol}[] = {\n${rows}    { 0, 0, 0 },\n};\n"
    "const size_t ${symbol}_count = ${index};\n")
  file(CONFIGURE OUTPUT ${out} CONTENT "${text}" @ONLY)
  set_source_files_properties(${out} PROPERTIES OBJECT_DEPENDS "${files}")
  target_sources(${target} PRIVATE ${out})
endfunction()

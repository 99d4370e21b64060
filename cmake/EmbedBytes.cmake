# cmake -DINPUT=file -DOUTPUT=file.inc -P EmbedBytes.cmake: a file's bytes as the inside of a C array's braces.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1,\n" bytes "${hex}")
file(WRITE ${OUTPUT} "${bytes}")

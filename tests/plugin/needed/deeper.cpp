// deeper.cpp: of needed_test.cpp, which only looks at what it is linked with
int needed_deeper() { return 1; }

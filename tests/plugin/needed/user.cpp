// user.cpp: of needed_test.cpp, which only looks at what it is linked with
int needed_user() { return 1; }

// pch.cpp: owner of the shared precompiled header; nothing else.

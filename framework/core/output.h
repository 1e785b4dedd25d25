/// output.h: the one way to standard output and standard error: checked, and harmless to a
/// terminal.
///   Every function may be called from several threads; a call's text stays in one piece.
#pragma once

#include <string>
#include <string_view>

namespace attnlab {

/// Text that no terminal obeys. Control characters except '\n' and '\t', DEL, the C1 controls and
/// what turns the direction of writing (U+202E and its like) become \u001b: JSON's own form, so a
/// JSON text stays the same value. Bytes that are no UTF-8 become \x9b. Twice is the same as once.
[[nodiscard]] std::string harmless(std::string_view text);

/// Harmless text to standard output. Throws Error as soon as it cannot be written.
void print(std::string_view text);
/// The same, byte for byte: for data that is piped on. Throws Error as print() does.
void print_bytes(std::string_view bytes);
/// Harmless text to standard error. Where that cannot be written there is nobody to tell.
void notice(std::string_view text);

/// First in main. Occupies standard streams that are closed, so that no file gets their number and
/// writing to them fails; a reader that has left (SIGPIPE) becomes an Error of print().
void open_output();
/// What was printed so far reaches its reader now; last in main. Throws Error when standard output
/// could not take it.
void flush_output();

}  // namespace attnlab

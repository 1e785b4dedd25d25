// own_library_test.cpp: a library of this build that is missing, or of another build, says what to do.
#include "framework/core/own_library.h"

#include <gmock/gmock.h>

#include "framework/core/paths.h"
#include "tests/support/fresh_folder.h"

namespace attnlab {
namespace {

TEST(own_library, one_that_is_missing_says_who_needs_it_and_what_to_install) {
  const auto path = paths::executable_dir().parent_path() / "lib" / "libnone.so";
  EXPECT_THAT(message_of([] { static_cast<void>(address_in({"libnone.so", "tests need", "nothing"}, "f")); }),
              testing::AllOf(testing::StartsWith("cannot load '" + path.string() + "', which tests need: libnone.so: "),
                             testing::EndsWith(". Install nothing, or build attnlab again.")));
}

TEST(own_library, one_of_another_build_lacks_a_function) {
  const OwnLibrary library{"libm.so.6", "tests need", "libc6"};  // the system's
  EXPECT_EQ(function_in<double(double)>(library, "sqrt")(9.0), 3.0);
  EXPECT_EQ(message_of([&] { static_cast<void>(address_in(library, "no_such")); }),
            "libm.so.6 lacks 'no_such'; expected one of the same build. Build attnlab again.");
}

}  // namespace
}  // namespace attnlab

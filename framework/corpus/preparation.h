/// preparation.h: the two passes of prepare.h over one source into one folder.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/corpus/prepare.h"

namespace attnlab::corpus {

/// Takes up what `folder` holds, or begins. `manifest` has the settings; the result has all, and
/// the folder's files are durable, but its manifest is not written. Throws Error as prepare() does.
[[nodiscard]] data::CorpusManifest run_preparation(const PrepareRequest& request,
                                                   const TokenMaker& tokens,
                                                   std::vector<SourceFile> sources,
                                                   data::CorpusManifest manifest,
                                                   const std::filesystem::path& folder);

}  // namespace attnlab::corpus

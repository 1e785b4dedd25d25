// data.cpp: `attnlab data ACTION`: what data sets there are, whether they are whole, and getting
// them.
#include <array>

#include "framework/cli/data/actions.h"
#include "framework/cli/dispatch.h"

namespace attnlab::cli {
namespace {

constexpr std::array kDataActions{
    Action{"list", data_list,
           "every data set: found where, or missing, and whether it is verified"},
    Action{"check", data_check, "reads a data set in full: checksums and form"},
    Action{"fetch", data_fetch, "downloads it from the official address, resumed and checked"},
    Action{"prepare", data_prepare, "documents to tokens: openwebtext2 and any other text"},
    Action{"bench", data_bench, "tokens per second of the loader alone"},
    Action{"show", data_show, "one sequence, as an image or as text"},
    Action{"pick", data_pick, "the images that the demo trains on: mnist, else digits"},
};

}  // namespace

int data(Arguments arguments) {
  return dispatch({"attnlab data", "ACTION", kDataActions}, arguments);
}

}  // namespace attnlab::cli

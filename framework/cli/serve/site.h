/// site.h: what `attnlab serve` answers: the page of all studies, a study's page, and what is new in them.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "framework/cli/serve/http.h"
#include "framework/report/live.h"

namespace attnlab::cli {

/// May be asked by several threads at once. Reads the database anew for every answer and never writes.
///   /                                    all studies
///   /study?name=NAME[&against=VARIANT][&where=KEY%3DVALUE...][&runs=1,2]  a study, or some of its runs
///   /data?...&instance=I&since=N         the same question; as JSON what is new since an answer of generation N
class Site {
 public:
  Site(std::string database, int port);

  /// Refuses, in this order, with 403 who asks by another name than this machine's own (a page of somebody else
  /// whose name leads here: DNS rebinding), with 405 what is neither GET nor HEAD, with 404 what there is not. What
  /// the database does not give is said in words, with 503 or, in answer to /data, as {"message": ...}.
  [[nodiscard]] Answer answer(const Request& request);

 private:
  struct View {
    View(const report::LiveRequest& request, std::string instance) : live(request, std::move(instance)) {}
    std::mutex mutex;
    report::LiveView live;
  };
  [[nodiscard]] Answer routed(const Request& request);
  [[nodiscard]] std::shared_ptr<View> view_for(const Request& request);
  [[nodiscard]] std::string refreshed(const Request& request, bool page);

  std::string database_, port_;
  std::string started_;  // tells this process's answers from those of one before
  std::mutex mutex_;
  std::size_t views_made_ = 0;
  std::list<std::pair<std::string, std::shared_ptr<View>>> views_;  // by question, the newest first
};

}  // namespace attnlab::cli

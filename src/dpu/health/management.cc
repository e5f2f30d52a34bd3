#include <civetweb.h>

#include "absl/strings/str_cat.h"
#include "dpu/health/serve_health.h"
#include "dpu/secure/tls.h"

namespace outrigger::agent {

namespace {

struct Page {
  int code = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string text;
};

const char* phrase(int code) {
  return code == 200 ? "OK" : code == 405 ? "Method Not Allowed" : "Service Unavailable";
}

class Http final : public Management {
 public:
  Http(HealthView view, std::function<NodeFigures()> figures)
      : view_(std::move(view)), figures_(std::move(figures)) {}
  ~Http() override {
    if (context_ != nullptr) mg_stop(context_);
  }

  absl::Status listen(const std::string& address) {
    // A port alone would be every interface, the tenants' too.
    if (absl::Status status = secure::check_listen_address(address); !status.ok()) return status;
    mg_init_library(0);
    const char* options[] = {"listening_ports",
                             address.c_str(),
                             "num_threads",
                             "2",
                             "request_timeout_ms",
                             "5000",
                             "enable_keep_alive",
                             "no",
                             nullptr};
    mg_callbacks callbacks{};
    context_ = mg_start(&callbacks, this, options);
    if (context_ == nullptr) return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
    mg_set_request_handler(context_, "/livez$", answer<&Http::live>, this);
    mg_set_request_handler(context_, "/readyz$", answer<&Http::ready>, this);
    mg_set_request_handler(context_, "/metrics$", answer<&Http::metrics>, this);
    return absl::OkStatus();
  }

 private:
  template <Page (Http::*Method)()>
  static int answer(mg_connection* connection, void* self) {
    const std::string_view method = mg_get_request_info(connection)->request_method;
    Page page{405, "text/plain; charset=utf-8", "GET alone\n"};
    if (method == "GET" || method == "HEAD") page = (static_cast<Http*>(self)->*Method)();
    mg_printf(connection,
              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
              page.code, phrase(page.code), page.type.c_str(), page.text.size());
    if (method != "HEAD") mg_write(connection, page.text.data(), page.text.size());
    return page.code;
  }

  // It answers, so it lives; what it serves may still be broken.
  Page live() { return {.text = "ok\n"}; }

  Page ready() {
    const Health overall = view_.board.overall();
    Page page{.code = overall == Health::kReady ? 200 : 503};
    page.text = absl::StrCat(std::string(name(overall)), "\n");
    for (const ServiceState& state : view_.board.all())
      absl::StrAppend(&page.text, state.service, ": ", std::string(name(state.health)), ": ", state.reason,
                      "\n");
    return page;
  }

  Page metrics() {
    return {.type = "text/plain; version=0.0.4; charset=utf-8",
            .text = metrics_text(view_.node, view_.board.all(), view_.board.overall() == Health::kReady,
                                 view_.board.transitions(), figures_ ? figures_() : NodeFigures{})};
  }

  const HealthView view_;
  const std::function<NodeFigures()> figures_;
  mg_context* context_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Management>> Management::listen(const std::string& address, HealthView view,
                                                               std::function<NodeFigures()> figures) {
  auto http = std::make_unique<Http>(std::move(view), std::move(figures));
  if (absl::Status status = http->listen(address); !status.ok()) return status;
  return http;
}

}  // namespace outrigger::agent

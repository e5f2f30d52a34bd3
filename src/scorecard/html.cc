#include "scorecard/html.h"

#include <openssl/evp.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

std::string escaped(std::string_view text) {
  return absl::StrReplaceAll(
      plain(text), {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string html_table(const std::string& caption, const std::vector<std::string>& headings,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string out = absl::StrCat("<div class=\"wide\" tabindex=\"0\"><table><caption>", escaped(caption),
                                 "</caption><thead><tr>");
  std::vector<std::string> kinds;
  for (const std::string& heading : headings) {
    const bool right = heading.starts_with('>');
    kinds.emplace_back(right ? " class=\"n\"" : "");
    absl::StrAppend(&out, "<th scope=\"col\"", kinds.back(), ">", escaped(heading.substr(right ? 1 : 0)),
                    "</th>");
  }
  absl::StrAppend(&out, "</tr></thead><tbody>\n");
  for (const auto& row : rows) {
    absl::StrAppend(&out, "<tr>");
    for (size_t i = 0; i < row.size() && i < kinds.size(); ++i) {
      const char* cell = i == 0 ? "th scope=\"row\"" : "td";
      absl::StrAppend(&out, "<", cell, kinds[i], ">", escaped(row[i]), i == 0 ? "</th>" : "</td>");
    }
    absl::StrAppend(&out, "</tr>\n");
  }
  return absl::StrCat(out, "</tbody></table></div>\n");
}

std::string policy_hash(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    return "'none'";
  const absl::string_view raw(reinterpret_cast<const char*>(digest.data()), length);
  return absl::StrCat("'sha256-", absl::Base64Escape(raw), "'");
}

}  // namespace outrigger::scorecard

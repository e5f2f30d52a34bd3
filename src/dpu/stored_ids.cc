#include "dpu/stored_ids.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

using compiler::IdBook;
using compiler::Ids;

struct Book {
  const char* name;
  IdBook Ids::*book;
};
constexpr std::array kBooks = {Book{"ports", &Ids::ports},         Book{"endpoints", &Ids::endpoints},
                               Book{"peers", &Ids::peers},         Book{"classes", &Ids::classes},
                               Book{"selectors", &Ids::selectors}, Book{"rules", &Ids::rules}};

}  // namespace

absl::StatusOr<Ids> load_ids(Store& store) {
  absl::StatusOr<std::map<std::string, StoredBook>> books = store.books();
  if (!books.ok()) return books.status();
  Ids ids;
  for (const Book& one : kBooks) {
    const auto found = books->find(one.name);
    if (found == books->end()) continue;
    if (!(ids.*one.book).restore(std::move(found->second.ids), found->second.next))
      return absl::DataLossError(absl::StrCat("the stored ids of ", one.name, " contradict each other"));
  }
  return ids;
}

absl::Status write_ids(Store::Transaction& transaction, const Ids& from, const Ids& to) {
  for (const Book& one : kBooks) {
    const IdBook& before = from.*one.book;
    const IdBook& after = to.*one.book;
    for (const auto& [name, id] : before.all()) {
      if (after.all().contains(name)) continue;
      if (absl::Status status = transaction.remove_id(one.name, name); !status.ok()) return status;
    }
    for (const auto& [name, id] : after.all()) {
      const auto known = before.all().find(name);
      if (known != before.all().end() && known->second == id) continue;
      if (absl::Status status = transaction.put_id(one.name, name, id); !status.ok()) return status;
    }
    if (before.next() == after.next()) continue;
    if (absl::Status status = transaction.set_next_id(one.name, after.next()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool same_ids(const Ids& a, const Ids& b) {
  for (const Book& one : kBooks) {
    if ((a.*one.book).next() != (b.*one.book).next() || (a.*one.book).all() != (b.*one.book).all())
      return false;
  }
  return true;
}

}  // namespace outrigger::agent

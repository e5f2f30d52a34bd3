// A list of one, mostly: the first element lies in place, so that it costs the reader no second cache line.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace outrigger::policy {

template <typename T>
class Few {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }

  void add(const T& value) {
    if (size_++ == 0) {
      first_ = value;
      return;
    }
    if (rest_ == nullptr) rest_ = std::make_unique<std::vector<T>>();
    rest_->push_back(value);
  }

  // Takes out the first that `wanted(value)`, which is there, and returns it.  The order of the others may
  // change.
  template <typename Fn>
  T take(Fn wanted) {
    T* found = &first_;
    for (size_t i = 0; !wanted(*found); ++i) found = &(*rest_)[i];
    T* last = size_ == 1 ? &first_ : &rest_->back();
    const T taken = std::exchange(*found, *last);
    if (size_ > 1) rest_->pop_back();
    if (--size_ == 1) rest_.reset();
    return taken;
  }

  template <typename Fn>
  void for_each(Fn fn) const {
    if (size_ == 0) return;
    fn(first_);
    if (rest_ == nullptr) return;
    for (const T& value : *rest_) fn(value);
  }

 private:
  T first_{};
  uint32_t size_ = 0;
  std::unique_ptr<std::vector<T>> rest_;
};

}  // namespace outrigger::policy

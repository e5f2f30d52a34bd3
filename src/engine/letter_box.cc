#include "engine/letter_box.h"

#include <cstdlib>
#include <cstring>

namespace outrigger::engine {

rte_ring* make_own_ring(unsigned size, unsigned flags) {
  const auto bytes = static_cast<size_t>(rte_ring_get_memsize(size));
  auto* const ring = static_cast<rte_ring*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, bytes));
  if (ring != nullptr && rte_ring_init(ring, "own", size, flags) == 0) return ring;
  std::free(ring);
  return nullptr;
}

rte_mbuf* Letter::packet(rte_mempool* buffers) const {
  rte_mbuf* const out = rte_pktmbuf_alloc(buffers);
  if (out == nullptr) return nullptr;
  char* const room = rte_pktmbuf_append(out, length);
  if (room != nullptr) {
    std::memcpy(room, bytes.data(), length);
    return out;
  }
  rte_pktmbuf_free(out);
  return nullptr;
}

bool LetterBox::make(unsigned size) {
  letters_.resize(size - 1);  // as many as a ring of this size holds
  blank_ = make_own_ring(size, 0);
  written_ = make_own_ring(size, 0);
  if (blank_ == nullptr || written_ == nullptr) return false;
  for (Letter& letter : letters_) give_back(&letter);
  return true;
}

LetterBox::~LetterBox() {
  std::free(blank_);
  std::free(written_);
}

bool LetterBox::put(std::span<const uint8_t> frame, Place from, uint64_t number) {
  Letter* const letter = frame.size() <= kBufferRoom ? blank() : nullptr;
  if (letter == nullptr) return false;
  std::memcpy(letter->bytes.data(), frame.data(), frame.size());
  letter->length = static_cast<uint16_t>(frame.size());
  letter->from = from;
  letter->number = number;
  post(letter);
  return true;
}

bool LetterBox::put(const rte_mbuf* packet, Place from, uint64_t number) {
  Letter* const letter = packet->pkt_len <= kBufferRoom ? blank() : nullptr;
  if (letter == nullptr) return false;
  letter->length = 0;
  for (const rte_mbuf* part = packet; part != nullptr; part = part->next) {
    std::memcpy(letter->bytes.data() + letter->length, rte_pktmbuf_mtod(part, const void*), part->data_len);
    letter->length = static_cast<uint16_t>(letter->length + part->data_len);
  }
  letter->from = from;
  letter->number = number;
  post(letter);
  return true;
}

Letter* LetterBox::blank() {
  Letter* letter = nullptr;
  (void)rte_ring_dequeue(blank_, reinterpret_cast<void**>(&letter));
  return letter;
}

void LetterBox::post(Letter* letter) { (void)rte_ring_enqueue(written_, letter); }

Letter* LetterBox::take() {
  Letter* letter = nullptr;
  (void)rte_ring_dequeue(written_, reinterpret_cast<void**>(&letter));
  return letter;
}

void LetterBox::give_back(Letter* letter) { (void)rte_ring_enqueue(blank_, letter); }

}  // namespace outrigger::engine

#include "engine/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::engine {

namespace {

constexpr std::string_view kPrefix = "tap,";

absl::Status fault(const TapName& tap, const char* step) {
  return absl::UnavailableError(absl::StrCat("tap \"", tap.interface, "\": ", step, ": ", strerror(errno)));
}

ifreq named(const TapName& tap) {
  ifreq request{};
  std::memcpy(request.ifr_name, tap.interface.data(), tap.interface.size());
  return request;
}

void set_mtu(int socket, const TapName& tap, uint16_t mtu) {
  ifreq request = named(tap);
  request.ifr_mtu = mtu;
  (void)ioctl(socket, SIOCSIFMTU, &request);
}

absl::Status set_up(const TapName& tap, uint16_t mtu) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return fault(tap, "socket");
  absl::Status status;
  if (tap.mac) {
    ifreq request = named(tap);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    tap.mac->store(reinterpret_cast<uint8_t*>(request.ifr_hwaddr.sa_data));
    if (ioctl(socket, SIOCSIFHWADDR, &request) != 0) status = fault(tap, "set its MAC");
  }
  set_mtu(socket, tap, mtu);
  ifreq request = named(tap);
  if (ioctl(socket, SIOCGIFFLAGS, &request) == 0) {
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (ioctl(socket, SIOCSIFFLAGS, &request) != 0 && status.ok()) status = fault(tap, "bring it up");
  } else if (status.ok()) {
    status = fault(tap, "find it");
  }
  ::close(socket);
  return status;
}

absl::StatusOr<int> open_queue(const TapName& tap) {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fault(tap, "open /dev/net/tun");
  ifreq request = named(tap);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
  if (ioctl(fd, TUNSETIFF, &request) == 0) return fd;
  absl::Status status = fault(tap, "add a queue");
  ::close(fd);
  return status;
}

void close_all(const std::vector<int>& fds) {
  for (const int fd : fds) ::close(fd);
}

}  // namespace

bool is_tap(std::string_view device) { return device == "tap" || device.starts_with(kPrefix); }

absl::StatusOr<TapName> parse_tap(std::string_view device) {
  const auto wrong = [&](const char* what) {
    return absl::InvalidArgumentError(
        absl::StrCat("device \"", std::string(device), "\": ", what, "; write tap,iface=NAME[,mac=02:..]"));
  };
  if (!device.starts_with(kPrefix)) return wrong("no interface");
  TapName tap;
  const std::string words(device.substr(kPrefix.size()));
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(words, ','))) {
    if (word.starts_with("iface=")) {
      tap.interface = word.substr(6);
    } else if (word.starts_with("mac=")) {
      const auto mac = MacAddress::parse(word.substr(4));
      if (!mac) return wrong("the MAC is none");
      tap.mac = *mac;
    } else {
      return wrong("unknown word");
    }
  }
  if (tap.interface.empty() || tap.interface.size() >= IFNAMSIZ) return wrong("its name has 1 to 15 letters");
  if (tap.interface.find_first_of("/%: ") != std::string::npos) return wrong("its name has odd letters");
  return tap;
}

absl::StatusOr<std::vector<int>> open_tap(std::string_view device, unsigned queues, uint16_t mtu) {
  auto tap = parse_tap(device);
  if (!tap.ok()) return tap.status();
  std::vector<int> fds;
  for (unsigned queue = 0; queue < queues; ++queue) {
    auto fd = open_queue(*tap);
    if (!fd.ok()) {
      close_all(fds);
      return fd.status();
    }
    fds.push_back(*fd);
  }
  if (absl::Status status = set_up(*tap, mtu); !status.ok()) {
    close_all(fds);
    return status;
  }
  return fds;
}

void set_tap_mtu(std::string_view device, uint16_t mtu) {
  const auto tap = parse_tap(device);
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (tap.ok() && socket >= 0) set_mtu(socket, *tap, mtu);
  if (socket >= 0) ::close(socket);
}

}  // namespace outrigger::engine

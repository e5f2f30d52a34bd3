// Rules, tracked connections and IPsec: what decides about packets in the kernel.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/xfrm.h>

#include <array>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "inventory/kernel_work.h"
#include "inventory/netlink.h"
#include "procfs/folder.h"

namespace outrigger::inventory {

namespace {

constexpr uint64_t kBytesOfConnection = 256;  // sizeof(struct nf_conn), about

std::string family_name(uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_NETDEV:
      return "netdev";
    default:
      return absl::StrCat("family ", family);
  }
}

uint8_t family_of(const nlmsghdr& message) {
  return static_cast<const nfgenmsg*>(::mnl_nlmsg_get_payload(&message))->nfgen_family;
}

std::string counted(uint64_t count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

struct Table {
  uint32_t chains = 0, rules = 0;  // a chain counts the jumps to it among its rules
  std::vector<std::string> hooked;
};
using Tables = std::map<std::string, Table>;

absl::Status ask_nftables(uint8_t what, const std::function<void(const nlmsghdr&)>& answer) {
  Question question(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | what), NLM_F_DUMP, sizeof(nfgenmsg));
  return ask(NETLINK_NETFILTER, question, answer);
}

absl::Status read_tables(Tables& tables) {
  return ask_nftables(NFT_MSG_GETTABLE, [&](const nlmsghdr& message) {
    for_attributes(message, sizeof(nfgenmsg), [&](const nlattr& one) {
      if (::mnl_attr_get_type(&one) == NFTA_TABLE_NAME)
        tables[absl::StrCat("nftables ", family_name(family_of(message)), " ", text_of(one))];
    });
  });
}

absl::Status read_chains(Tables& tables) {
  return ask_nftables(NFT_MSG_GETCHAIN, [&](const nlmsghdr& message) {
    std::string table, chain;
    uint32_t rules = 0;
    bool hooked = false;
    for_attributes(message, sizeof(nfgenmsg), [&](const nlattr& one) {
      const uint16_t type = ::mnl_attr_get_type(&one);
      if (type == NFTA_CHAIN_TABLE) table = text_of(one);
      if (type == NFTA_CHAIN_NAME) chain = text_of(one);
      if (type == NFTA_CHAIN_USE) rules = be32_of(one);
      hooked |= type == NFTA_CHAIN_HOOK;
    });
    Table& to = tables[absl::StrCat("nftables ", family_name(family_of(message)), " ", table)];
    ++to.chains;
    to.rules += rules;
    if (hooked) to.hooked.push_back(chain);
  });
}

uint64_t read_number(const std::string& file) {
  const auto text = procfs::read_file(file, 64);
  uint64_t number = 0;
  return text.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &number) ? number : 0;
}

absl::Status ask_xfrm(uint16_t type, const OnAttribute& use) {
  Question question(type, NLM_F_ACK, sizeof(uint32_t));
  *static_cast<uint32_t*>(question.header()) = ~0u;
  return ask(NETLINK_XFRM, question,
             [&](const nlmsghdr& message) { for_attributes(message, sizeof(uint32_t), use); });
}

}  // namespace

void look_at_nftables(KernelLook& to) {
  Tables tables;
  absl::Status status = read_tables(tables);
  if (status.ok()) status = read_chains(tables);
  if (absl::IsUnimplemented(status)) return;
  if (!status.ok()) to.missing.push_back(absl::StrCat("nftables: ", status.message()));
  for (const auto& [name, table] : tables) {
    const std::string hooked =
        table.hooked.empty() ? "none hooked" : absl::StrCat("hooked: ", absl::StrJoin(table.hooked, ", "));
    to.work.push_back(
        {name,
         {name},
         absl::StrCat(counted(table.chains, "chain"), " (", hooked, "), ", counted(table.rules, "rule"))});
  }
}

void look_at_ipsec(KernelLook& to) {
  uint32_t associations = 0, policies = 0;
  absl::Status status = ask_xfrm(XFRM_MSG_GETSADINFO, [&](const nlattr& one) {
    if (::mnl_attr_get_type(&one) == XFRMA_SAD_CNT) associations = number_of(one);
  });
  if (status.ok()) {
    status = ask_xfrm(XFRM_MSG_GETSPDINFO, [&](const nlattr& one) {
      if (::mnl_attr_get_type(&one) != XFRMA_SPD_INFO ||
          ::mnl_attr_get_payload_len(&one) < sizeof(xfrmu_spdinfo))
        return;
      const auto* info = static_cast<const xfrmu_spdinfo*>(::mnl_attr_get_payload(&one));
      policies = info->incnt + info->outcnt + info->fwdcnt;
    });
  }
  if (!status.ok() && !absl::IsUnimplemented(status))
    to.missing.push_back(absl::StrCat("ipsec: ", status.message()));
  if (associations + policies == 0) return;
  to.work.push_back(
      {"ipsec", {"ipsec"}, absl::StrCat(associations, " security associations, ", policies, " policies")});
}

void look_at_conntrack(const std::string& root, KernelLook& to) {
  const std::string folder = absl::StrCat(root, "/sys/net/netfilter/nf_conntrack_");
  const uint64_t count = read_number(absl::StrCat(folder, "count"));
  if (count == 0) return;
  to.work.push_back(
      {"conntrack",
       {"conntrack"},
       absl::StrCat(count, " connections of at most ", read_number(absl::StrCat(folder, "max"))),
       count * kBytesOfConnection});
}

void look_at_legacy_tables(const std::string& root, KernelLook& to) {
  constexpr std::array<std::pair<const char*, const char*>, 2> kFiles = {
      {{"ip_tables_names", "iptables"}, {"ip6_tables_names", "ip6tables"}}};
  for (const auto& [file, name] : kFiles) {
    const auto text = procfs::read_file(absl::StrCat(root, "/thread-self/net/", file), 4096);
    if (!text.ok()) {
      if (!absl::IsNotFound(text.status()))
        to.missing.push_back(absl::StrCat(name, ": ", text.status().message()));
      continue;
    }
    for (const absl::string_view table : absl::StrSplit(*text, '\n', absl::SkipWhitespace())) {
      const std::string whole = absl::StrCat(name, " ", table);
      to.work.push_back({whole, {whole}, "a table of the older kind"});
    }
  }
}

KernelLook look_at_kernel(const std::string& root) {
  KernelLook look;
  look_at_nftables(look);
  look_at_legacy_tables(root, look);
  look_at_conntrack(root, look);
  look_at_links(look);
  look_at_ipsec(look);
  return look;
}

}  // namespace outrigger::inventory

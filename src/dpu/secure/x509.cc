#include "dpu/secure/x509.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "base/address.h"

namespace outrigger::secure {

namespace {

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

constexpr size_t kSerialBytes = 16;  // RFC 5280 §4.1.2.2: at most 20, and positive
constexpr long kVersion3 = 2;

Bio reading(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::StatusOr<std::string> text_of(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  if (length <= 0) return openssl_error("cannot write PEM");
  return std::string(data, static_cast<size_t>(length));
}

absl::Status add_extension(X509& certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer == nullptr ? &certificate : issuer, &certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr || X509_add_ext(&certificate, extension.get(), -1) != 1)
    return openssl_error(absl::StrCat("extension ", OBJ_nid2sn(nid), " = ", value));
  return absl::OkStatus();
}

std::string alternative_names(const Draft& draft) {
  std::string names = absl::StrCat("URI:", draft.uri);
  for (const std::string& host : draft.hosts) {
    const bool address = IpAddress::parse(host).has_value();
    absl::StrAppend(&names, address ? ",IP:" : ",DNS:", host);
  }
  return names;
}

absl::Status add_extensions(const Draft& draft, X509& certificate, X509* issuer) {
  const bool authority = draft.use == Use::kAuthority;
  std::vector<std::pair<int, std::string>> wanted = {
      {NID_basic_constraints, authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE"},
      {NID_key_usage, authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"},
      {NID_subject_key_identifier, "hash"},
      {NID_subject_alt_name, alternative_names(draft)}};
  if (!authority) {
    wanted.emplace_back(NID_authority_key_identifier, "keyid");
    wanted.emplace_back(NID_ext_key_usage, draft.use == Use::kServer ? "serverAuth" : "clientAuth");
  }
  for (const auto& [nid, value] : wanted) {
    if (absl::Status status = add_extension(certificate, issuer, nid, value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool set_serial(X509& certificate) {
  std::array<unsigned char, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

bool set_time(ASN1_TIME* field, absl::Time time) {
  return ASN1_TIME_set(field, absl::ToTimeT(time)) != nullptr;
}

absl::Time time_of(const ASN1_TIME* field) {
  tm parts{};
  if (ASN1_TIME_to_tm(field, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

template <typename Visit>
void each_name(X509& certificate, Visit visit) {
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i)
    visit(*sk_GENERAL_NAME_value(names.get(), i));
}

std::string text_of(const ASN1_STRING& string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&string)),
          static_cast<size_t>(ASN1_STRING_length(&string))};
}

std::string address_of(const ASN1_OCTET_STRING& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(&bytes) == 4 ? AF_INET : AF_INET6;
  inet_ntop(family, ASN1_STRING_get0_data(&bytes), text.data(), text.size());
  return text.data();
}

}  // namespace

absl::Status openssl_error(const std::string& what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return absl::InternalError(absl::StrCat(what, ": ", text.data()));
}

absl::StatusOr<PrivateKey> make_p256() {
  PrivateKey key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl_error("cannot make a P-256 key");
  return key;
}

absl::StatusOr<PrivateKey> make_ed25519() {
  PrivateKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return openssl_error("cannot make an Ed25519 key");
  return key;
}

absl::StatusOr<Certificate> sign(const Draft& draft, EVP_PKEY& subject_key, X509* issuer,
                                 EVP_PKEY& issuer_key) {
  Certificate made(X509_new());
  X509_NAME* subject = made == nullptr ? nullptr : X509_get_subject_name(made.get());
  const auto* common_name = reinterpret_cast<const unsigned char*>(draft.common_name.c_str());
  const bool filled =
      subject != nullptr && X509_set_version(made.get(), kVersion3) == 1 && set_serial(*made) &&
      set_time(X509_getm_notBefore(made.get()), draft.not_before) &&
      set_time(X509_getm_notAfter(made.get()), draft.not_after) &&
      X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, common_name, -1, -1, 0) == 1 &&
      X509_set_issuer_name(made.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer)) == 1 &&
      X509_set_pubkey(made.get(), &subject_key) == 1;
  if (!filled) return openssl_error("cannot make a certificate");
  if (absl::Status status = add_extensions(draft, *made, issuer); !status.ok()) return status;
  if (X509_sign(made.get(), &issuer_key, EVP_sha256()) == 0)
    return openssl_error("cannot sign a certificate");
  return made;
}

absl::StatusOr<std::string> to_pem(EVP_PKEY& key) {
  const Bio bio(BIO_new(BIO_s_secmem()));  // wiped when freed
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_error("cannot write a key");
  return text_of(bio.get());
}

absl::StatusOr<std::string> public_to_pem(EVP_PKEY& key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), &key) != 1) return openssl_error("cannot write a public key");
  return text_of(bio.get());
}

absl::StatusOr<std::string> to_pem(X509& certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), &certificate) != 1) return openssl_error("cannot write a certificate");
  return text_of(bio.get());
}

absl::StatusOr<PrivateKey> key_from_pem(const std::string& pem) {
  PrivateKey key(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, nullptr, nullptr));
  if (key == nullptr) return openssl_error("no private key");
  return key;
}

absl::StatusOr<Certificate> certificate_from_pem(const std::string& pem) {
  Certificate certificate(PEM_read_bio_X509(reading(pem).get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return openssl_error("no certificate");
  return certificate;
}

std::string uri_of(X509& certificate) {
  std::vector<std::string> uris;
  each_name(certificate, [&uris](const GENERAL_NAME& one) {
    if (one.type == GEN_URI) uris.push_back(text_of(*one.d.uniformResourceIdentifier));
  });
  return uris.size() == 1 ? uris.front() : "";
}

std::vector<std::string> hosts_of(X509& certificate) {
  std::vector<std::string> hosts;
  each_name(certificate, [&hosts](const GENERAL_NAME& one) {
    if (one.type == GEN_DNS) hosts.push_back(text_of(*one.d.dNSName));
    if (one.type == GEN_IPADD) hosts.push_back(address_of(*one.d.iPAddress));
  });
  return hosts;
}

absl::Time not_before(X509& certificate) { return time_of(X509_get0_notBefore(&certificate)); }
absl::Time not_after(X509& certificate) { return time_of(X509_get0_notAfter(&certificate)); }

std::string serial_of(X509& certificate) {
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr));
  char* text = BN_bn2hex(number.get());
  std::string hex = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return hex;
}

}  // namespace outrigger::secure

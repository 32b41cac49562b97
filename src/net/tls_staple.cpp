#include "net/tls_staple.h"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>

namespace weir::net {
namespace {

struct OcspFree {
  void operator()(OCSP_RESPONSE* r) const { OCSP_RESPONSE_free(r); }
  void operator()(OCSP_BASICRESP* r) const { OCSP_BASICRESP_free(r); }
};

// The part that is about this certificate; null: none is. Serial numbers are all that is compared:
// they are unique for an issuer, and another issuer's answer no client would take.
OCSP_SINGLERESP* part_about(OCSP_BASICRESP& all, const X509& certificate) {
  for (int i = 0; i < OCSP_resp_count(&all); ++i) {
    OCSP_SINGLERESP* const one = OCSP_resp_get0(&all, i);
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial,
                      const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(one)));
    if (serial && ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(&certificate)) == 0) return one;
  }
  return nullptr;
}

// RFC 6960 §4.2.2.1: without nextUpdate it is never too old.
std::int64_t next_update(OCSP_SINGLERESP& part) {
  ASN1_GENERALIZEDTIME* next = nullptr;
  OCSP_single_get0_status(&part, nullptr, nullptr, nullptr, &next);
  std::tm time{};
  if (!next || ASN1_TIME_to_tm(next, &time) != 1) return std::numeric_limits<std::int64_t>::max();
  return timegm(&time);
}

}  // namespace

std::expected<TlsStaple, std::string> load_staple(const std::string& file,
                                                  const X509& certificate) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::unexpected(fmt::format("{}: {}", file, std::strerror(errno)));
  TlsStaple out{.certificate = &certificate,
                .response = {std::istreambuf_iterator<char>(in), {}},
                .until = 0};
  const auto* bytes = reinterpret_cast<const unsigned char*>(out.response.data());
  const std::unique_ptr<OCSP_RESPONSE, OcspFree> response(
      d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(out.response.size())));
  if (!response) return std::unexpected(file + ": no OCSP response (DER)");
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return std::unexpected(
        fmt::format("{}: its responder says {}", file, OCSP_response_status_str(status)));
  }
  const std::unique_ptr<OCSP_BASICRESP, OcspFree> basic(OCSP_response_get1_basic(response.get()));
  OCSP_SINGLERESP* const part = basic ? part_about(*basic, certificate) : nullptr;
  if (!part) return std::unexpected(file + ": not about the certificate that it stands beside");
  out.until = next_update(*part);
  return out;
}

}  // namespace weir::net

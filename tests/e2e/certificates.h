#pragma once
// Certificates made on the spot, by the openssl program.

#include <doctest/doctest.h>

#include <string>

#include "support/fixtures.h"

namespace weir::test {

// A certificate for `name` and 127.0.0.1, signed by itself. Returns its path without ".pem"; the
// key is beside it, ".key". `kind`: "EC" or "RSA".
inline std::string make_certificate(const ScratchDirectory& directory, const std::string& name,
                                    const std::string& kind = "EC") {
  const std::string at = (directory.path() / (kind == "EC" ? name : name + "." + kind)).string();
  const std::string algorithm = kind == "EC" ? "ec" : "rsa:2048";
  const std::string option = kind == "EC" ? "ec_paramgen_curve:P-256" : "rsa_keygen_bits:2048";
  const Finished made = run({"/usr/bin/openssl", "req", "-x509", "-newkey", algorithm, "-pkeyopt",
                             option, "-nodes", "-days", "2", "-subj", "/CN=" + name, "-addext",
                             "subjectAltName=DNS:" + name + ",IP:127.0.0.1", "-keyout", at + ".key",
                             "-out", at + ".pem"});
  CAPTURE(made.err);
  REQUIRE(made.exit == Exit{0, 0});
  return at;
}

}  // namespace weir::test

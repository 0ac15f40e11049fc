// A TLS proxy in front of a server, as `docs/operations/run.md` asks for: TLS 1.3 outside, the
// server's plain HTTP inside, both on this machine. A process of its own, as the server is.

import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { apart } from "./apart.mjs";
import { scratch } from "./scratch.mjs";

/** A certificate for one address, and what makes Chromium take it for a good one. */
export function certificate(address) {
  const [key, cert] = ["key", "cert"].map((name) => join(scratch, `tls-${name}.pem`));
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"].concat(
      ["-subj", `/CN=${address}`, "-addext", `subjectAltName=IP:${address}`, "-keyout", key, "-out", cert],
    ),
    { stdio: "ignore" },
  );
  const spki = new X509Certificate(readFileSync(cert)).publicKey.export({ type: "spki", format: "der" });
  const pin = createHash("sha256").update(spki).digest("base64");
  return { key, cert, trust: `--ignore-certificate-errors-spki-list=${pin}` };
}

/** Listens on `address`; `lead` says afterwards which port of that address it leads to. */
export async function tlsProxy(address) {
  const { key, cert, trust } = certificate(address);
  const { child, first: port } = await apart(new URL("tls-process.mjs", import.meta.url), key, cert, address);
  return {
    origin: `https://${address}:${port}`,
    trust,
    lead: (to) => child.send(to),
    stop: () => child.kill(),
  };
}

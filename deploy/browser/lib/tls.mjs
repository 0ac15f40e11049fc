// A TLS proxy in front of a server, as `docs/operations/run.md` asks for: TLS 1.3 outside, the
// server's plain HTTP inside, both on this machine.

import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";

import { scratch } from "./scratch.mjs";

/** A certificate for one address, and what makes Chromium take it for a good one. */
function certificate(address) {
  const [key, cert] = ["key", "cert"].map((name) => join(scratch, `tls-${name}.pem`));
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"].concat(
      ["-subj", `/CN=${address}`, "-addext", `subjectAltName=IP:${address}`, "-keyout", key, "-out", cert],
    ),
    { stdio: "ignore" },
  );
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  const spki = new X509Certificate(pair.cert).publicKey.export({ type: "spki", format: "der" });
  const pin = createHash("sha256").update(spki).digest("base64");
  return { ...pair, trust: `--ignore-certificate-errors-spki-list=${pin}` };
}

/** Listens on `address`; `lead` says afterwards which port of that address it leads to. */
export async function tlsProxy(address) {
  const { key, cert, trust } = certificate(address);
  let port;
  const proxy = createServer({ key, cert, minVersion: "TLSv1.3", ALPNProtocols: ["http/1.1"] }, (near) => {
    const far = connect({ port, host: address, noDelay: true });
    for (const socket of [near, far]) socket.on("error", () => [near, far].forEach((one) => one.destroy()));
    near.pipe(far).pipe(near);
  });
  proxy.on("connection", (socket) => socket.setNoDelay(true));
  await new Promise((done) => proxy.listen(0, address, done));
  return {
    origin: `https://${address}:${proxy.address().port}`,
    trust,
    lead: (to) => (port = to),
    stop: () => proxy.close(),
  };
}

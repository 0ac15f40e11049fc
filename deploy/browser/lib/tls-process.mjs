// The process behind `tls.mjs`: KEY CERTIFICATE ADDRESS. Says which port it listens on, and is told to
// which it leads.

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createServer } from "node:tls";

const [key, cert] = process.argv.slice(2, 4).map((file) => readFileSync(file));
const address = process.argv[4];
let port;
process.on("message", (to) => (port = to));
const proxy = createServer({ key, cert, minVersion: "TLSv1.3", ALPNProtocols: ["http/1.1"] }, (near) => {
  const far = connect({ port, host: address, noDelay: true });
  for (const socket of [near, far]) socket.on("error", () => [near, far].forEach((one) => one.destroy()));
  near.pipe(far).pipe(near);
});
proxy.on("connection", (socket) => socket.setNoDelay(true));
proxy.listen(0, address, () => process.send(proxy.address().port));
process.on("disconnect", () => process.exit());

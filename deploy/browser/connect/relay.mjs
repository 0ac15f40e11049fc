// The other end of `direct.html`: serves the page, and passes each message to the other page.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";

import { WebSocketServer } from "ws";

const PAGE = readFileSync(new URL("direct.html", import.meta.url));

/** Starts a relay on `address` and returns its origin. */
export async function startRelay(address) {
  const http = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
  });
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => {
      for (const other of sockets.clients) if (other !== socket) other.send(data.toString());
    });
  });
  await new Promise((done) => http.listen(0, address, done));
  return {
    origin: `http://${address}:${http.address().port}`,
    stop() {
      for (const socket of sockets.clients) socket.terminate();
      http.close();
    },
  };
}

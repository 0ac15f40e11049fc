// The process behind `relay.mjs`: ADDRESS. Serves the page of the direct call, and passes each message to
// the other page. Says at which origin.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";

import { WebSocketServer } from "ws";

const address = process.argv[2];
const page = readFileSync(new URL("direct.html", import.meta.url));
const http = createServer((_, response) => {
  response.writeHead(200, { "content-type": "text/html" }).end(page);
});
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
sockets.on("connection", (socket) => {
  socket.on("message", (data) => {
    for (const other of sockets.clients) if (other !== socket) other.send(data.toString());
  });
});
http.listen(0, address, () => process.send(`http://${address}:${http.address().port}`));
process.on("disconnect", () => process.exit());

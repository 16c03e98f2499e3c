// Node `ws`: what the feed sends goes to every client. Arguments: PORT FEED_PORT.
import { WebSocket, WebSocketServer } from "ws";
import { feed } from "./feed.mjs";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });
server.on("connection", (socket) => socket.on("message", () => {}));
feed(Number(process.argv[3]), (frame) => {
  for (const client of server.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(frame, { binary: true });
  }
});

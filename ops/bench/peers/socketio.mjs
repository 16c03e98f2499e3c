// Socket.IO with the Redis Streams adapter. Arguments: PORT FEED_PORT REDIS_URL. Two of these run: one has the clients and is
// measured, the other has the feed and none; frames go from one to the other through Redis, as they do for us.
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { feed } from "./feed.mjs";

const [port, feedPort, url] = process.argv.slice(2);
const client = createClient({ url });
await client.connect();
const io = new Server(Number(port), {
  adapter: createAdapter(client),
  transports: ["websocket"],
  perMessageDeflate: false,
  pingInterval: 600_000,
});
if (Number(feedPort)) feed(Number(feedPort), (frame) => io.emit("frame", frame));

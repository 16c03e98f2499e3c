// Frames that the bench's source sends: each after its length in four bytes, most significant first.
import { createServer } from "node:net";

export function feed(port, onFrame) {
  createServer((socket) => {
    let rest = Buffer.alloc(0);
    socket.on("data", (data) => {
      rest = rest.length ? Buffer.concat([rest, data]) : data;
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
        const end = 4 + rest.readUInt32BE();
        onFrame(Buffer.from(rest.subarray(4, end)));
        rest = rest.subarray(end);
      }
    });
  }).listen(port, "127.0.0.1");
}

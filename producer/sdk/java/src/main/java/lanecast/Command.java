package lanecast;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;

/** What a viewer asks for; it expires at {@code expiresMs}, Unix milliseconds. */
record Command(String id, String name, JsonNode args, String user, double expiresMs) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Reads an entry of the control stream; {@link InvalidMessage} if it cannot be read. */
    static Command read(Map<String, String> fields) {
        String id = Checks.id(fields.getOrDefault("command_id", ""), "command_id");
        String name = fields.getOrDefault("name", "");
        if (name.isEmpty()) {
            throw new InvalidMessage("name", "missing");
        }
        JsonNode args = JSON.createObjectNode();
        String text = fields.getOrDefault("args", "");
        if (!text.isEmpty()) {
            try {
                args = JSON.readTree(text);
            } catch (JsonProcessingException error) {
                throw new InvalidMessage("args", error.getOriginalMessage());
            }
            if (!args.isObject()) {
                throw new InvalidMessage("args", "expected a map in JSON");
            }
        }
        double expiresMs = Double.POSITIVE_INFINITY;
        String expires = fields.getOrDefault("expires_ms", "");
        if (!expires.isEmpty()) {
            try {
                expiresMs = Double.parseDouble(expires);
            } catch (NumberFormatException error) {
                throw new InvalidMessage("expires_ms", "expected a number");
            }
            if (Double.isNaN(expiresMs)) {
                throw new InvalidMessage("expires_ms", "expected a number");
            }
        }
        return new Command(id, name, args, fields.getOrDefault("user", ""), expiresMs);
    }
}

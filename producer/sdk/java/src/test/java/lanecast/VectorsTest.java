package lanecast;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.msgpack.jackson.dataformat.MessagePackFactory;

/** What is published says what the vectors of the wire say, and a simulation answers as they say. */
class VectorsTest {
    private static final String SPEC = "../../spec/vectors/";
    private static final ObjectMapper MSGPACK = new ObjectMapper(new MessagePackFactory());

    /** A payload in the vectors' form: typed columns as lists, bytes as hex, and every number as a float. */
    private static JsonNode plain(JsonNode value) throws IOException {
        if (value.isNumber()) {
            return Shapes.JSON.getNodeFactory().numberNode(value.doubleValue());
        }
        if (value.isBinary()) {
            return Shapes.JSON.createObjectNode().put("hex", HexFormat.of().formatHex(value.binaryValue()));
        }
        if (value.has("dtype")) {
            ByteBuffer data = ByteBuffer.wrap(value.get("data").binaryValue()).order(ByteOrder.LITTLE_ENDIAN);
            ArrayNode out = Shapes.JSON.createArrayNode();
            while (data.hasRemaining()) {
                out.add(value.get("dtype").textValue().equals("i4") ? data.getInt() : data.getDouble());
            }
            return out;
        }
        if (value.isArray()) {
            ArrayNode out = Shapes.JSON.createArrayNode();
            for (JsonNode item : value) {
                out.add(plain(item));
            }
            return out;
        }
        if (value.isObject()) {
            ObjectNode out = Shapes.JSON.createObjectNode();
            for (var names = value.fieldNames(); names.hasNext(); ) {
                String name = names.next();
                out.set(name, plain(value.get(name)));
            }
            return out;
        }
        return value;
    }

    @Test
    void whatIsPublishedSaysWhatTheVectorSays() throws IOException {
        for (JsonNode vector : Shapes.load(SPEC + "entries-good.json")) {
            String kind = vector.get("message").get("kind").textValue();
            byte[] data = Shapes.encoded(kind, vector.get("payload"));
            if (data == null) {
                continue;
            }
            ObjectNode said = (ObjectNode) plain(MSGPACK.readTree(data));
            if (kind.equals("frame")) {
                ObjectNode full = (ObjectNode) Shapes.JSON.readTree("{\"partial\": false, \"gone\": {}, \"phases\": {}}");
                full.setAll(said);
                said = full;
            }
            assertEquals(plain(vector.get("payload")), said, vector.get("name").textValue());
        }
    }

    private static Map<String, String> fields(JsonNode given) {
        Map<String, String> out = new LinkedHashMap<>();
        given.fields().forEachRemaining(field -> out.put(field.getKey(), field.getValue().textValue()));
        return out;
    }

    private static Map<String, Param> params(JsonNode given) {
        Map<String, Param> out = new LinkedHashMap<>();
        given.fields().forEachRemaining(entry -> {
            JsonNode described = entry.getValue();
            JsonNode value = described.get("value");
            Param param = switch (described.get("type").textValue()) {
                case "float" -> Param.of(value.doubleValue());
                case "int" -> Param.of(value.longValue());
                case "bool" -> Param.of(value.booleanValue());
                default -> Param.of(value.textValue(), Shapes.JSON.convertValue(described.get("choices"), String[].class));
            };
            if (described.has("min")) {
                param.min(described.get("min").doubleValue());
            }
            if (described.has("max")) {
                param.max(described.get("max").doubleValue());
            }
            out.put(entry.getKey(), param);
        });
        return out;
    }

    @Test
    void aSimulationAnswersAsTheDialogueSays() throws IOException {
        for (JsonNode vector : Shapes.load(SPEC + "steering.json")) {
            ArrayNode said = Shapes.JSON.createArrayNode();
            Steering steering = new Steering(params(vector.get("params")), (kind, payload) -> {
                if (kind.equals("lifecycle")) {
                    return;
                }
                ObjectNode copied = Shapes.JSON.valueToTree(payload);
                if (kind.equals("result")) {
                    assertNotEquals(copied.get("ok").booleanValue(), copied.has("error"), "whoever refuses says why");
                }
                copied.remove("error");
                said.addArray().add(kind).add(copied);
            });
            for (JsonNode step : vector.get("steps")) {
                said.removeAll();
                steering.handle(Command.read(fields(step.get("hears"))), step.get("now_ms").doubleValue());
                assertEquals(plain(step.get("says")), plain(said), vector.get("name").textValue());
            }
        }
    }

    @Test
    void commandsAreReadAsTheVectorsSay() throws IOException {
        for (JsonNode vector : Shapes.load(SPEC + "commands-good.json")) {
            Command command = Command.read(fields(vector.get("fields")));
            JsonNode wanted = vector.get("command");
            double expires = wanted.get("expires_ms").isNull() ? Double.POSITIVE_INFINITY : wanted.get("expires_ms").doubleValue();
            Command expected = new Command(
                    wanted.get("command_id").textValue(), wanted.get("name").textValue(), wanted.get("args"), wanted.get("user").textValue(), expires);
            assertEquals(expected, command, vector.get("name").textValue());
        }
        for (JsonNode vector : Shapes.load(SPEC + "commands-bad.json")) {
            InvalidMessage refused = assertThrows(InvalidMessage.class, () -> Command.read(fields(vector.get("fields"))));
            assertEquals(vector.get("field").textValue(), refused.field(), vector.get("name").textValue());
        }
    }
}

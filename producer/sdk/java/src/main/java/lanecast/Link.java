package lanecast;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.util.JedisURIHelper;

/** One connection to the server, for one thread. */
final class Link implements AutoCloseable {
    private final Jedis jedis;

    /** Connects within two seconds; an answer may take three. Throws a JedisException. */
    Link(URI url) {
        var config = DefaultJedisClientConfig.builder()
                .connectionTimeoutMillis(2000)
                .socketTimeoutMillis(3000)
                .blockingSocketTimeoutMillis(3000)
                .user(JedisURIHelper.getUser(url))
                .password(JedisURIHelper.getPassword(url))
                .database(JedisURIHelper.getDBIndex(url))
                .ssl(JedisURIHelper.isRedisSSLScheme(url))
                .build();
        HostAndPort address = new HostAndPort(url.getHost(), url.getPort() < 0 ? Protocol.DEFAULT_PORT : url.getPort());
        jedis = new Jedis(address, config);
        try {
            jedis.connect();
        } catch (RuntimeException error) {
            jedis.close();
            throw error;
        }
    }

    /** {@code redis://} or {@code rediss://}; {@link InvalidMessage} otherwise. */
    static URI url(String text) {
        try {
            URI url = URI.create(text);
            if (url.getHost() != null && (JedisURIHelper.isRedisScheme(url) || JedisURIHelper.isRedisSSLScheme(url))) {
                JedisURIHelper.getDBIndex(url);
                return url;
            }
        } catch (IllegalArgumentException error) {
            throw new InvalidMessage("url", error.getMessage());
        }
        throw new InvalidMessage("url", "expected redis://HOST:PORT/DATABASE");
    }

    /** What the server answers: Long, byte[], List or null. Words are String, Number or byte[]. */
    Object call(Protocol.Command command, List<?> words) {
        return jedis.sendCommand(command, bytes(words));
    }

    Object call(Protocol.Command command, Object... words) {
        return call(command, List.of(words));
    }

    Object block(Protocol.Command command, Object... words) {
        return jedis.sendBlockingCommand(command, bytes(List.of(words)));
    }

    @Override
    public void close() {
        jedis.close();
    }

    static String text(Object answer) {
        return answer == null ? null : new String((byte[]) answer, StandardCharsets.UTF_8);
    }

    static List<?> list(Object answer) {
        return answer == null ? List.of() : (List<?>) answer;
    }

    static boolean outOfMemory(JedisDataException error) {
        return error.getMessage() != null && error.getMessage().startsWith("OOM");
    }

    private static byte[][] bytes(List<?> words) {
        List<byte[]> out = new ArrayList<>(words.size());
        for (Object word : words) {
            out.add(word instanceof byte[] raw ? raw : word.toString().getBytes(StandardCharsets.UTF_8));
        }
        return out.toArray(byte[][]::new);
    }

    /** Longer waits each time, from 50 ms to 1 s, with jitter. */
    static final class Backoff {
        private double lastMs;

        long nextMs() {
            lastMs = Math.min(1000, Math.max(50, 2 * lastMs));
            return Math.round(lastMs * ThreadLocalRandom.current().nextDouble(0.5, 1));
        }

        void reset() {
            lastMs = 0;
        }
    }
}

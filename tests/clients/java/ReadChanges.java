import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a change topic from its start until {@code count} changes have come, and prints each as a line of JSON.
 *
 * <p>It knows of Stator what docs/change-topics.md says, and nothing else: Avro's own decoder of single objects finds the
 * schema by the fingerprint in the message.
 *
 * <p>{@code java -cp 'libs/*' ReadChanges.java <bootstrap> <topic> <count> <folder of the schemas>}
 */
public final class ReadChanges {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  public static void main(String[] arguments) throws IOException {
    String bootstrap = arguments[0];
    String topic = arguments[1];
    int count = Integer.parseInt(arguments[2]);
    Path schemas = Path.of(arguments[3]);
    BinaryMessageDecoder<GenericRecord> values = decoder(schemas.resolve("change_record/v1.avsc"));
    BinaryMessageDecoder<GenericRecord> keys = decoder(schemas.resolve("change_key/v1.avsc"));
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", bootstrap,
            "group.id", "java-reader-of-" + topic,
            "isolation.level", "read_committed",
            "auto.offset.reset", "earliest");
    Instant deadline = Instant.now().plus(PATIENCE);
    int seen = 0;
    try (var consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(topic));
      while (seen < count && Instant.now().isBefore(deadline)) {
        for (ConsumerRecord<byte[], byte[]> message : consumer.poll(Duration.ofMillis(500))) {
          GenericRecord key = keys.decode(message.key());
          System.out.printf(
              "{\"partition\": %d, \"key\": %s, \"value\": %s}%n",
              message.partition(), key, values.decode(message.value()));
          seen++;
        }
      }
    }
  }

  private static BinaryMessageDecoder<GenericRecord> decoder(Path schema) throws IOException {
    return new BinaryMessageDecoder<>(
        GenericData.get(), new Schema.Parser().parse(schema.toFile()));
  }
}

// Java 17 as a browser of 2004, the one living client of the seed's profile.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./netcard.ts";
import { execute, type Output, type Target } from "./peers.ts";

/** Fetches twice over sockets, in TLS 1.0 with DES, and says of each session when it was made, and its ID. */
const JAVA_LEGACY_CLIENT = `
import java.io.*; import java.net.*; import java.nio.file.*; import java.security.*; import java.security.cert.*; import java.util.*; import javax.net.ssl.*;
public class FetchLegacy {
  public static void main(String[] a) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = Files.newInputStream(Path.of(a[1]))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    URI uri = URI.create(a[0]);
    for (int i = 0; i < 2; i++) {
      try (SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(uri.getHost(), uri.getPort())) {
        s.setEnabledProtocols(new String[] {"SSLv2Hello", "TLSv1"});
        s.setEnabledCipherSuites(new String[] {"SSL_RSA_WITH_DES_CBC_SHA"});
        s.startHandshake();
        SSLSession session = s.getSession();
        System.err.println(session.getProtocol() + " " + session.getCipherSuite() + " " + session.getCreationTime() + " " + HexFormat.of().formatHex(session.getId()));
        s.getOutputStream().write("GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n".getBytes());
        s.getInputStream().transferTo(System.out);
        System.out.flush();
      }
    }
  }
}`;

/** What Java 17 forbids and the seed had. */
const JAVA_LEGACY_SECURITY = [
  "tls.disabledAlgorithms",
  "tls.legacyAlgorithms",
  "certpath.disabledAlgorithms",
  "disabled.namedCurves",
]
  .map((name) => `jdk.${name}=\n`)
  .join("");

/** Java 17 as a browser of 2004: SSL 2.0-format ClientHello, TLS 1.0, DES; the second connection resumes. */
export function javaLegacy({ url, ca }: Target): Promise<Output> {
  const folder = temporaryFolder("java-legacy");
  const source = join(folder, "FetchLegacy.java");
  const security = join(folder, "java.security");
  writeFileSync(source, JAVA_LEGACY_CLIENT);
  writeFileSync(security, JAVA_LEGACY_SECURITY);
  const settings = [`-Djava.security.properties=${security}`, "-Djdk.tls.useExtendedMasterSecret=false"];
  return execute("java", [...settings, source, url, ca]);
}

// Encrypts a card in the browser to the key of the token service provider, so that the server of
// this page carries a number that it can't read. JWE compact (RFC 7516), RSA-OAEP-256, A256GCM.

const encoder = new TextEncoder();

export class WrongKey extends Error {}

export function base64url(bytes) {
  const binary = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The RFC 7638 thumbprint of an RSA public key: its required members in lexical order, hashed. */
export async function thumbprint({ e, kty, n }) {
  const canonical = encoder.encode(JSON.stringify({ e, kty, n }));
  return base64url(await crypto.subtle.digest("SHA-256", canonical));
}

/**
 * The compact JWE of a value for an RSA public key; WrongKey unless it is the pinned one.
 *
 * The thumbprint is computed here: what the server says about its own key proves nothing.
 */
export async function encrypt(value, jwk, pinned) {
  const kid = await thumbprint(jwk);
  if (jwk.kty !== "RSA" || kid !== pinned) throw new WrongKey();
  const header = base64url(encoder.encode(JSON.stringify({ alg: "RSA-OAEP-256", enc: "A256GCM", kid })));
  const contentKey = crypto.getRandomValues(new Uint8Array(32));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const wrapped = await crypto.subtle.encrypt({ name: "RSA-OAEP" }, await publicKey(jwk), contentKey);
  const aes = await crypto.subtle.importKey("raw", contentKey, "AES-GCM", false, ["encrypt"]);
  // RFC 7516, 5.1: the protected header, as it will be sent, is the additional data.
  const sealing = { name: "AES-GCM", iv, additionalData: encoder.encode(header), tagLength: 128 };
  const sealed = new Uint8Array(
    await crypto.subtle.encrypt(sealing, aes, encoder.encode(JSON.stringify(value))),
  );
  contentKey.fill(0);
  const parts = [wrapped, iv, sealed.slice(0, -16), sealed.slice(-16)];
  return [header, ...parts.map(base64url)].join(".");
}

function publicKey({ e, kty, n }) {
  const algorithm = { name: "RSA-OAEP", hash: "SHA-256" };
  return crypto.subtle.importKey("jwk", { e, kty, n }, algorithm, false, ["encrypt"]);
}

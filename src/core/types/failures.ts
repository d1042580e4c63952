/** What the system's codes of a connection that fails mean: those of sockets, of TLS and of undici. */
export const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  EHOSTUNREACH: 'no route leads to the host',
  ENETUNREACH: 'no route leads to the network',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name could not be looked up',
  ETIMEDOUT: 'connecting took too long',
  UND_ERR_CONNECT_TIMEOUT: 'connecting took too long',
  UND_ERR_HEADERS_TIMEOUT: 'it did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'its answer stopped on the way',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer ended early',
};

/** What answers speaks something other than TLS. */
export const NOT_TLS: Readonly<Record<string, string>> = {
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
};

/** What is wrong with a certificate that was not accepted. */
export const CERTIFICATE_FAILURES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its TLS certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its TLS certificate leads to a self-signed one',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the issuer of its TLS certificate is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the issuer of its TLS certificate is not trusted here',
  CERT_HAS_EXPIRED: 'its TLS certificate has expired',
  CERT_NOT_YET_VALID: 'its TLS certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its TLS certificate is for another name',
};

/** What to do about a certificate that was not accepted. */
export const CERTIFICATE_NEXT =
  'Use the name that the certificate is for; NODE_EXTRA_CA_CERTS names a file of further issuers to trust.';

const FILE_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'its links go round in a circle',
  ENAMETOOLONG: 'the name is too long',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the quota of the disk is used up',
  EROFS: 'the file system is read-only',
};

const NO_NAME = { reason: 'its name cannot be looked up', next: 'name an address of this machine' };
const LISTEN_FAILURES: Readonly<Record<string, { readonly reason: string; readonly next: string }>> = {
  EADDRINUSE: { reason: 'it is taken', next: 'stop the program that listens there, or choose another port' },
  EADDRNOTAVAIL: {
    reason: 'this machine has no such address',
    next: 'name an address of this machine, or 0.0.0.0 for all of them',
  },
  EACCES: { reason: 'the system does not permit it', next: 'use a port from 1024 up, or permit the node this one' },
  ENOTFOUND: NO_NAME,
  EAI_AGAIN: NO_NAME,
};

/** Why nothing can listen at an address, and what to do, in clauses. `cause` is what the system threw, or its code. */
export function listenFailure(cause: unknown): { readonly reason: string; readonly next: string } {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const reason = cause instanceof Error ? cause.message : code;
  return LISTEN_FAILURES[code] ?? { reason, next: 'choose another address' };
}

/** Why a file could not be read or written, for people: `cause` is what the system threw. */
export function fileFailure(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return FILE_FAILURES[code] ?? (cause instanceof Error ? cause.message : String(cause));
}

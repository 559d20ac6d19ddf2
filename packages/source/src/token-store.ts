/** Tokens as they are stored: encrypted, and counted, so that one writer cannot overwrite what another wrote meanwhile. */
export type StoredTokens = { sealed: string; version: number };

/** Where all processes keep the OAuth tokens that they share. The database, outside of tests. */
export type TokenStore = {
  read(id: string): Promise<StoredTokens | undefined>;
  /** Takes the right to refresh, for `leaseMs` by the store's clock; false while somebody else has it. */
  lease(id: string, holder: string, leaseMs: number): Promise<boolean>;
  /** Stores tokens if `version` is still the one stored (0: none), and gives the lease back; false when it is not. */
  save(id: string, version: number, sealed: string): Promise<boolean>;
  /** Gives the lease back with nothing stored. */
  release(id: string, holder: string): Promise<void>;
};

/** Tokens of this process only: for tests of sources. */
export function createMemoryTokens(): TokenStore {
  const stored = new Map<string, StoredTokens>();
  const leases = new Map<string, { holder: string; until: number }>();
  return {
    read: async (id) => stored.get(id),
    lease: async (id, holder, leaseMs) => {
      const lease = leases.get(id);
      if (lease !== undefined && lease.until > performance.now()) return false;
      leases.set(id, { holder, until: performance.now() + leaseMs });
      return true;
    },
    save: async (id, version, sealed) => {
      if ((stored.get(id)?.version ?? 0) !== version) return false;
      stored.set(id, { sealed, version: version + 1 });
      leases.delete(id);
      return true;
    },
    release: async (id, holder) => {
      if (leases.get(id)?.holder === holder) leases.delete(id);
    },
  };
}

// The storage that node-oidc-provider asks for, on Redis. Each write is one MULTI, so one round trip.
import Redis from 'ioredis';

// Models whose rows end together when their grant is revoked, and those that are marked when they are used.
const OF_A_GRANT = new Set([
  'AccessToken', 'AuthorizationCode', 'BackchannelAuthenticationRequest', 'DeviceCode', 'RefreshToken',
]);
const USED_ONCE = new Set(['AuthorizationCode', 'BackchannelAuthenticationRequest', 'DeviceCode', 'RefreshToken']);

const byUid = (uid) => `uid:${uid}`;
const byUserCode = (code) => `userCode:${code}`;
const membersOf = (grantId) => `members:${grantId}`;

class RedisAdapter {
  #redis;

  #model;

  constructor(redis, model) {
    this.#redis = redis;
    this.#model = model;
  }

  #key(id) {
    return `${this.#model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const key = this.#key(id);
    const write = this.#redis.multi();
    if (USED_ONCE.has(this.#model)) {
      write.hset(key, 'payload', JSON.stringify(payload));
      if (expiresIn) write.expire(key, expiresIn);
    } else if (expiresIn) {
      write.set(key, JSON.stringify(payload), 'EX', expiresIn);
    } else {
      write.set(key, JSON.stringify(payload));
    }
    if (OF_A_GRANT.has(this.#model) && payload.grantId) {
      const members = membersOf(payload.grantId);
      write.rpush(members, key);
      if (expiresIn) {
        // NX for a list without an end, GT for one that ends earlier: it lives as long as its longest member.
        write.expire(members, expiresIn, 'NX');
        write.expire(members, expiresIn, 'GT');
      }
    }
    for (const index of [payload.uid && byUid(payload.uid), payload.userCode && byUserCode(payload.userCode)]) {
      if (index && expiresIn) write.set(index, id, 'EX', expiresIn);
      else if (index) write.set(index, id);
    }
    const answers = await write.exec();
    const failed = answers.find(([fault]) => fault);
    if (failed) throw failed[0];
  }

  async find(id) {
    if (!USED_ONCE.has(this.#model)) {
      const text = await this.#redis.get(this.#key(id));
      return text ? JSON.parse(text) : undefined;
    }
    const [payload, consumed] = await this.#redis.hmget(this.#key(id), 'payload', 'consumed');
    if (!payload) return undefined;
    return consumed ? { ...JSON.parse(payload), consumed: Number(consumed) } : JSON.parse(payload);
  }

  async findByUid(uid) {
    const id = await this.#redis.get(byUid(uid));
    return id ? this.find(id) : undefined;
  }

  async findByUserCode(code) {
    const id = await this.#redis.get(byUserCode(code));
    return id ? this.find(id) : undefined;
  }

  async consume(id) {
    await this.#redis.hset(this.#key(id), 'consumed', Math.floor(Date.now() / 1000));
  }

  async destroy(id) {
    await this.#redis.del(this.#key(id));
  }

  async revokeByGrantId(grantId) {
    const members = await this.#redis.lrange(membersOf(grantId), 0, -1);
    await this.#redis.del(membersOf(grantId), ...members);
  }
}

export function redisAdapters(socket) {
  const redis = new Redis({ path: socket, keyPrefix: '' });
  return (model) => new RedisAdapter(redis, model);
}

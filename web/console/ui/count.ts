// count says how many there are of something: 1 replica, 2,500 branches.
export const count = (n: number, one: string, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

// countOf says how many of all: 1 of 1 replica, 0 of 2 replicas.
export const countOf = (n: number, all: number, one: string, many?: string) => `${n.toLocaleString()} of ${count(all, one, many)}`;

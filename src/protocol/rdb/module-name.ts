/** The names that modules give their types, packed into integers of 6 bits a character (Redis src/module.c, moduleTypeNameByID; src/keymeta.c). */
const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function unpack(bits: bigint, characters: number): string {
  let name = '';
  for (let i = characters - 1; i >= 0; i--) name += CHARACTERS[Number((bits >> BigInt(6 * i)) & 63n)];
  return name;
}

/** Nine characters and a version of 10 bits. */
export function moduleName(id: bigint): string {
  return unpack(id >> 10n, 9);
}

/** A class of key metadata: four characters, a version of 5 bits, 3 flags. */
export function keyMetaName(spec: number): string {
  return unpack(BigInt(spec >>> 8), 4);
}

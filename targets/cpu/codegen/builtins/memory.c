// What the back end calls of its own accord: memory blocks. Simple loops; the compiler makes vectors of them.

typedef __SIZE_TYPE__ size_t;

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  char *t = to;
  const char *f = from;
  for (size_t i = 0; i < bytes; ++i)
    t[i] = f[i];
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  char *t = to;
  const char *f = from;
  if (t <= f || t >= f + bytes) {
    for (size_t i = 0; i < bytes; ++i)
      t[i] = f[i];
  } else {
    while (bytes--)
      t[bytes] = f[bytes];
  }
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  char *t = to;
  for (size_t i = 0; i < bytes; ++i)
    t[i] = (char)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < bytes; ++i)
    if (x[i] != y[i])
      return x[i] < y[i] ? -1 : 1;
  return 0;
}

// Compiled once per instruction set, with ATTNLAB_INSTRUCTIONS naming the namespace. Nothing here
// may be a template or an inline function of another header: copies would merge at link time.
#include "framework/sparse/row_kernels.h"

namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kColumns = 8;  // 16 sums of 16 lanes leave room for their operands
#elif defined(__AVX2__)
constexpr int kLanes = 8, kColumns = 4;
#else
constexpr int kLanes = 4, kColumns = 4;
#endif
constexpr int kVectors = 2;
constexpr int kRows = kVectors * kLanes;  // hashed side by side, one per lane
static_assert(kHashColumns % kColumns == 0 && kRows <= 32);

typedef float Floats __attribute__((vector_size(kLanes * 4)));
typedef std::int32_t Ints __attribute__((vector_size(kLanes * 4)));
typedef float Eight __attribute__((vector_size(32)));
typedef std::uint32_t EightWords __attribute__((vector_size(32)));
typedef std::uint16_t EightHalves __attribute__((vector_size(16)));

inline Floats load(const float* from) {
  Floats floats;
  __builtin_memcpy(&floats, from, sizeof(floats));
  return floats;
}

template <class Vector>
inline void store(void* to, const Vector& vector) {
  __builtin_memcpy(to, &vector, sizeof(vector));
}

inline float widened(float x) { return x; }
inline float widened(std::uint16_t x) {
  const std::uint32_t bits = std::uint32_t{x} << 16;
  return __builtin_bit_cast(float, bits);
}

inline void load_eight(const float* from, Eight& to) { __builtin_memcpy(&to, from, sizeof(to)); }
inline void load_eight(const std::uint16_t* from, Eight& to) {
  EightHalves halves;
  __builtin_memcpy(&halves, from, sizeof(halves));
  const EightWords words = __builtin_convertvector(halves, EightWords) << 16;
  __builtin_memcpy(&to, &words, sizeof(to));
}

/// Columns [d, d+8) of 8 rows, turned: to[d][row].
template <class T>
inline void turn_eight(const T* rows, std::int64_t row_stride, float* to) {
  Eight a[8], b[8];
#pragma GCC unroll 8
  for (int r = 0; r < 8; ++r) load_eight(rows + r * row_stride, a[r]);
#pragma GCC unroll 8
  for (int r = 0; r < 8; r += 2) {
    b[r] = __builtin_shufflevector(a[r], a[r + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    b[r + 1] = __builtin_shufflevector(a[r], a[r + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma GCC unroll 2
  for (int r = 0; r < 8; r += 4) {
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const auto &x = b[r + i], &y = b[r + i + 2];
      a[r + 2 * i] = __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13);
      a[r + 2 * i + 1] = __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    store(to + i * kRows, __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11));
    store(to + (i + 4) * kRows,
          __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15));
  }
}

/// Up to kRows rows as packed[D][kRows]; missing ones are zero.
template <class T>
void pack(const T* rows, std::int64_t row_stride, std::int64_t count, std::int64_t D,
          float* packed) {
  std::int64_t turned = 0;
  if (count == kRows) {
    for (; turned + 8 <= D; turned += 8) {
      for (std::int64_t r = 0; r < kRows; r += 8) {
        turn_eight(rows + r * row_stride + turned, row_stride, packed + turned * kRows + r);
      }
    }
  }
  for (std::int64_t d = turned; d < D; ++d) {
    for (std::int64_t r = 0; r < kRows; ++r) {
      packed[d * kRows + r] = r < count ? widened(rows[r * row_stride + d]) : 0.0F;
    }
  }
}

/// Per row: the largest and smallest projection so far, and the first column that has it.
struct Extremes {
  Floats high[kVectors], low[kVectors];
  Ints highest[kVectors], lowest[kVectors];
};

/// kColumns projections of kRows rows at once.
inline void project(const float* packed, const float* columns, std::int64_t D,
                    Floats (&sum)[kColumns][kVectors]) {
#pragma GCC unroll 8
  for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[c][v] = Floats{};
  }
  for (std::int64_t d = 0; d < D; ++d, packed += kRows, columns += kHashColumns) {
    const auto first = load(packed), second = load(packed + kLanes);
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      sum[c][0] += first * columns[c];
      sum[c][1] += second * columns[c];
    }
  }
}

inline void see(const Floats (&sum)[kVectors], std::int32_t column, Extremes& seen) {
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const Ints above = sum[v] > seen.high[v], below = sum[v] < seen.low[v];
    seen.high[v] = above ? sum[v] : seen.high[v];
    seen.highest[v] = above ? column - Ints{} : seen.highest[v];
    seen.low[v] = below ? sum[v] : seen.low[v];
    seen.lowest[v] = below ? column - Ints{} : seen.lowest[v];
  }
}

void hash_packed(const float* packed, const float* blocks, std::int64_t D, std::int64_t half,
                 std::int32_t* buckets) {
  Extremes seen;
  for (int v = 0; v < kVectors; ++v) {
    seen.high[v] = Floats{} - __builtin_inff();
    seen.low[v] = Floats{} + __builtin_inff();
    seen.highest[v] = seen.lowest[v] = Ints{};
  }
  for (std::int64_t first = 0; first < half; first += kColumns) {
    const float* columns = blocks + first / kHashColumns * D * kHashColumns + first % kHashColumns;
    Floats sum[kColumns][kVectors];
    project(packed, columns, D, sum);
    const std::int64_t there = half - first;
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      if (c < there) see(sum[c], static_cast<std::int32_t>(first + c), seen);
    }
  }
  const auto negative = static_cast<std::int32_t>(half);
  for (int v = 0; v < kVectors; ++v) {
    store(buckets + v * kLanes,
          seen.high[v] >= -seen.low[v] ? seen.highest[v] : negative + seen.lowest[v]);
  }
}

template <class T>
void hash_rows(const HashParams& p, std::int64_t group, std::int64_t begin, std::int64_t end,
               float* packed) {
  const std::int64_t batch = group / p.heads, head = group % p.heads;
  const T* rows = static_cast<const T*>(p.rows) + batch * p.batch_stride + head * p.head_stride;
  const std::int64_t blocks = (p.half + kHashColumns - 1) / kHashColumns;
  const std::int64_t projection = blocks * p.head_dim * kHashColumns;
  for (std::int64_t t = begin; t < end; t += kRows) {
    const std::int64_t count = end - t < kRows ? end - t : kRows;
    pack(rows + t * p.row_stride, p.row_stride, count, p.head_dim, packed);
    for (std::int64_t round = 0; round < p.rounds; ++round) {
      std::int32_t found[kRows];
      hash_packed(packed, p.projections + (round * p.heads + head) * projection, p.head_dim, p.half,
                  found);
      std::int32_t* to = p.buckets + (round * p.batch * p.heads + group) * p.length + t;
      for (std::int64_t r = 0; r < count; ++r) to[r] = found[r];
    }
  }
}

void hash(const HashParams& p, std::int64_t group, std::int64_t begin, std::int64_t end,
          float* scratch) {
  if (p.bfloat16) {
    hash_rows<std::uint16_t>(p, group, begin, end, scratch);
  } else {
    hash_rows<float>(p, group, begin, end, scratch);
  }
}

constexpr int kBlocks = 16;  // Philox blocks side by side
typedef std::uint64_t Words __attribute__((vector_size(kBlocks * 8)));  // 32 bits each, in 64

inline void multiply(std::uint64_t by, const Words& word, Words& high, Words& low) {
  const Words product = word * by;
  high = product >> 32;
  low = product & 0xFFFFFFFFU;
}

/// Keeps the rows of kBlocks blocks of four words (framework/core/random.cpp, philox4x32).
inline void keep_blocks(const KeepParams& p, std::uint64_t first, bool* kept) {
  Words word[4], high[2], low[2];
  for (int b = 0; b < kBlocks; ++b) {
    word[0][b] = (first + b) & 0xFFFFFFFFU;
    word[1][b] = (first + b) >> 32;
  }
  word[2] = Words{} + p.high[0];
  word[3] = Words{} + p.high[1];
  std::uint32_t key0 = p.key[0], key1 = p.key[1];
  for (int round = 0; round < 10; ++round) {
    multiply(0xD2511F53U, word[0], high[0], low[0]);
    multiply(0xCD9E8D57U, word[2], high[1], low[1]);
    word[0] = high[1] ^ word[1] ^ key0;
    word[1] = low[1];
    word[2] = high[0] ^ word[3] ^ key1;
    word[3] = low[0];
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  for (int b = 0; b < kBlocks; ++b) {
    for (int i = 0; i < 4; ++i) kept[4 * b + i] = word[i][b] >= p.threshold;
  }
}

void keep(const KeepParams& p, std::int64_t begin, std::int64_t end, bool* keep) {
  for (std::int64_t t = begin; t < end; t += 4 * kBlocks) {
    bool kept[4 * kBlocks];
    keep_blocks(p, static_cast<std::uint64_t>(t) / 4, kept);
    const std::int64_t count = end - t < 4 * kBlocks ? end - t : 4 * kBlocks;
    __builtin_memcpy(keep + (t - begin), kept, static_cast<std::size_t>(count));
  }
}

}  // namespace

RowKernels row_kernels() { return {hash, keep}; }

}  // namespace attnlab::sparse::ATTNLAB_INSTRUCTIONS

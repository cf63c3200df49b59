// Batches out of a data set: picked in the order of the epoch, and shifted and scaled feature by feature.

// The number of the sample at a place of the batch.
struct Places {
    const int *order;         // of the epoch, (members, samples)
    const long long *cursor;  // number of the batch
    const int *rows;          // samples that make up an epoch, or null
    const long long *first;   // where those of a member begin
    long long samples, size;  // in an epoch, in a full batch
};

__device__ inline long long sample_at(const Places &p, long long member, long long row) {
    long long place = p.order[member * p.samples + p.cursor[0] * p.size + row];
    return p.rows ? p.rows[place + p.first[member]] : place;
}

// grid: numbers of the batch of a member, members.  `own` members have features of their own, or it is 0.
template <class S, class T>
__device__ inline void gather(const S *x, const Places &p, const T *shift, const T *factor, T *out, long long count,
                              int features, int own, const unsigned *y, unsigned *target, int words,
                              const T *weights, T *weight) {
    long long element = (long long)blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.y;
    if (element >= count * features) return;
    long long row = element / features;
    int feature = element % features;
    long long sample = sample_at(p, member, row), source = own ? sample * own + member : sample;
    T value = (T)x[source * features + feature];
    if (shift) value = (value - shift[feature]) * factor[feature];
    long long place = member * count + row;
    out[place * features + feature] = value;
    for (int word = feature; word < words; word += features) target[place * words + word] = y[sample * words + word];
    if (weights && feature == 0) weight[place] = weights[sample];
}

#define GATHER(S, FROM, T, NAME)                                                                                   \
    extern "C" __global__ void __launch_bounds__(256) gather_##FROM##_##NAME(                                      \
        const S *x, const int *order, const long long *cursor, const int *rows, int has_rows,                      \
        const long long *first, long long samples, long long size, const T *shift, const T *factor, int has_shift, \
        T *out, long long count, int features, int own, const unsigned *y, unsigned *target, int words,            \
        const T *weights, T *weight, int has_weights) {                                                            \
        Places p = {order, cursor, has_rows ? rows : nullptr, first, samples, size};                               \
        gather<S, T>(x, p, has_shift ? shift : nullptr, factor, out, count, features, own, y, target, words,       \
                     has_weights ? weights : nullptr, weight);                                                     \
    }

GATHER(unsigned char, uint8, float, float)
GATHER(float, float32, float, float)
GATHER(unsigned char, uint8, double, double)
GATHER(float, float32, double, double)

// States with the one-hot code of a label behind them.
// grid: numbers of the result
template <class T>
__device__ inline void beside_labels(const T *states, const int *labels, T *out, long long size, int width, int whole) {
    long long place = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= size) return;
    long long row = place / whole;
    int column = place % whole;
    out[place] = column < width ? states[row * width + column] : T(labels[row] == column - width);
}

#define BESIDE_LABELS(T)                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) beside_labels_##T(                                           \
        const T *states, const int *labels, T *out, long long size, int width, int whole) {                        \
        beside_labels<T>(states, labels, out, size, width, whole);                                                 \
    }

BESIDE_LABELS(float)
BESIDE_LABELS(double)

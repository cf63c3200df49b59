// Convolutions and their gradients on arrays whose channels come last, without columns in memory (implicit GEMM).
//
// For each group of channels, each of the three is a product C(m, n) = sum over k of A(m, k) B(k, n) whose elements are
// looked up where they lie:
//   FORWARD  m: a window of a sample    k: a pixel of the window and an input    n: an output
//   INPUT    m: a pixel of a sample     k: a pixel of a window and an output     n: an input
//   KERNEL   m: a pixel of a window and an input    k: a window of a sample      n: an output
// A block of 256 threads makes TILE x TILE elements of C, each thread 4 x 4 of them; STEP elements of k at a time lie in
// shared memory.  Each element is the sum over k in ascending order, whatever the grid is, so that a member of a
// population equals the single model bit for bit.  The sum over all windows (KERNEL) is cut into parts, whose number
// follows from sizes alone, and sum_parts adds them up in their order.

#define TILE 64
#define STEP 16
#define SIDE 16  // threads of a block along each side of the tile
#define EACH 4   // elements of a thread along each side

enum Way { FORWARD, INPUT, KERNEL };

struct Sizes {
    int samples, height, width, inputs;   // of the images
    int down, across, outputs;            // of what the windows give
    int rows, columns;                    // of a window
    int step_down, step_across;           // from window to window
    int apart_down, apart_across;         // from pixel to pixel in a window
    int above, left;                      // added around the image
    int groups;
};

#define SIZES                                                                                                      \
    int samples, int height, int width, int inputs, int down, int across, int outputs, int rows, int columns,      \
        int step_down, int step_across, int apart_down, int apart_across, int above, int left, int groups
#define GIVEN                                                                                                      \
    {samples,     height,     width,        inputs,       down,  across, outputs, rows,                            \
     columns,     step_down,  step_across,  apart_down,   apart_across, above, left, groups}

// An element of the images, or 0 where a window looks beside them: the pixel of a window at (i, j) of sample s.
template <class T>
__device__ inline T seen(const T *x, const Sizes &z, int window, int pixel, int input) {
    int column = window % z.across, row = window / z.across % z.down, sample = window / (z.across * z.down);
    int i = row * z.step_down + pixel / z.columns * z.apart_down - z.above;
    int j = column * z.step_across + pixel % z.columns * z.apart_across - z.left;
    if (i < 0 || i >= z.height || j < 0 || j >= z.width) return T(0);
    return x[(((long long)sample * z.height + i) * z.width + j) * z.inputs + input];
}

// The gradient of what the window gave that sees a pixel of the image as its pixel number `pixel`, or 0 without one.
template <class T>
__device__ inline T given(const T *dy, const Sizes &z, int place, int pixel, int output) {
    int j = place % z.width, i = place / z.width % z.height, sample = place / (z.width * z.height);
    int row = i + z.above - pixel / z.columns * z.apart_down;
    int column = j + z.left - pixel % z.columns * z.apart_across;
    if (row < 0 || column < 0 || row % z.step_down || column % z.step_across) return T(0);
    row /= z.step_down;
    column /= z.step_across;
    if (row >= z.down || column >= z.across) return T(0);
    return dy[(((long long)sample * z.down + row) * z.across + column) * z.outputs + output];
}

template <class T, int WAY>
__device__ inline void multiply(const T *a, const T *b, const T *bias, T *out, const Sizes &z, int m_end, int n_end,
                                int k_start, int k_end, int group) {
    __shared__ T left[STEP][TILE + 1], right[STEP][TILE + 1];  // one more, so that columns lie in different banks
    const int thread = threadIdx.x, n_in = z.inputs / z.groups, n_out = z.outputs / z.groups;
    const int m_first = blockIdx.x * TILE, n_first = blockIdx.y * TILE;
    T sums[EACH][EACH];
    for (int i = 0; i < EACH; ++i)
        for (int j = 0; j < EACH; ++j) sums[i][j] = T(0);
    for (int k_first = k_start; k_first < k_end; k_first += STEP) {
        for (int e = thread; e < STEP * TILE; e += SIDE * SIDE) {
            // Neighbouring threads take neighbouring elements in memory: channels, which are k but for KERNEL.
            int mm = WAY == KERNEL ? e % TILE : e / STEP, mk = WAY == KERNEL ? e / TILE : e % STEP;
            int m = m_first + mm, k = k_first + mk;
            T found = T(0);
            if (m < m_end && k < k_end) {
                if (WAY == FORWARD) found = seen(a, z, m, k / n_in, group * n_in + k % n_in);
                if (WAY == INPUT) found = given(a, z, m, k / n_out, group * n_out + k % n_out);
                if (WAY == KERNEL) found = seen(a, z, k, m / n_in, group * n_in + m % n_in);
            }
            left[mk][mm] = found;
            int nn = WAY == INPUT ? e / STEP : e % TILE, nk = WAY == INPUT ? e % STEP : e / TILE;
            int n = n_first + nn;
            k = k_first + nk;
            found = T(0);
            if (n < n_end && k < k_end) {
                if (WAY == FORWARD) found = b[(long long)k * z.outputs + group * n_out + n];
                if (WAY == INPUT) found = b[((long long)(k / n_out) * n_in + n) * z.outputs + group * n_out + k % n_out];
                if (WAY == KERNEL) found = b[(long long)k * z.outputs + group * n_out + n];
            }
            right[nk][nn] = found;
        }
        __syncthreads();
        for (int k = 0; k < STEP; ++k)
            for (int i = 0; i < EACH; ++i)
                for (int j = 0; j < EACH; ++j)
                    sums[i][j] += left[k][thread / SIDE + SIDE * i] * right[k][thread % SIDE + SIDE * j];
        __syncthreads();
    }
    for (int i = 0; i < EACH; ++i)
        for (int j = 0; j < EACH; ++j) {
            int m = m_first + thread / SIDE + SIDE * i, n = n_first + thread % SIDE + SIDE * j;
            if (m >= m_end || n >= n_end) continue;
            T sum = sums[i][j];
            if (WAY == FORWARD) {
                n += group * n_out;
                out[(long long)m * z.outputs + n] = bias ? sum + bias[n] : sum;
            }
            if (WAY == INPUT) out[(long long)m * z.inputs + group * n_in + n] = sum;
            if (WAY == KERNEL) out[(long long)m * z.outputs + group * n_out + n] = sum;
        }
}

// One channel each: a thread makes one element, and neighbouring threads neighbouring channels.
template <class T, int WAY>
__device__ inline void multiply_each(const T *a, const T *kernel, const T *bias, T *out, const Sizes &z,
                                     long long count) {
    long long element = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (element >= count) return;
    int channel = element % z.inputs, place = element / z.inputs;
    T sum = T(0);
    for (int pixel = 0; pixel < z.rows * z.columns; ++pixel) {
        T found = WAY == FORWARD ? seen(a, z, place, pixel, channel) : given(a, z, place, pixel, channel);
        sum += found * kernel[(long long)pixel * z.inputs + channel];
    }
    out[element] = bias ? sum + bias[channel] : sum;
}

#define LANES 8  // sums of a block over windows that lie this far apart

// The gradient of a kernel of one channel each: a block sums over the windows of its part for 32 channels of one pixel.
template <class T>
__device__ inline void sum_each(const T *x, const T *dy, T *out, const Sizes &z, int start, int end) {
    __shared__ T sums[LANES][32];
    int channel = blockIdx.x * 32 + threadIdx.x, pixel = blockIdx.y;
    T sum = T(0);
    if (channel < z.inputs)
        for (int window = start + threadIdx.y; window < end; window += LANES)
            sum += seen(x, z, window, pixel, channel) * dy[(long long)window * z.outputs + channel];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y || channel >= z.inputs) return;
    for (int lane = 1; lane < LANES; ++lane) sum += sums[lane][threadIdx.x];
    out[(long long)pixel * z.outputs + channel] = sum;
}

#define KERNELS(T, NAME)                                                                                           \
    /* grid: tiles of m, tiles of n, members x groups; block: 256 */                                               \
    extern "C" __global__ void __launch_bounds__(256) forward_##NAME(const T *x, const T *kernel, const T *bias,   \
            T *out, int has_bias, long long x_stride, SIZES) {                                                     \
        Sizes z = GIVEN;                                                                                           \
        int member = blockIdx.z / groups, group = blockIdx.z % groups;                                             \
        int windows = samples * down * across, deep = rows * columns * (inputs / groups);                          \
        multiply<T, FORWARD>(x + member * x_stride, kernel + (long long)member * deep * outputs,                   \
                             has_bias ? bias + (long long)member * outputs : nullptr,                              \
                             out + (long long)member * windows * outputs, z, windows, outputs / groups, 0, deep,   \
                             group);                                                                               \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) input_##NAME(const T *dy, const T *kernel, T *out, SIZES) {  \
        Sizes z = GIVEN;                                                                                           \
        int member = blockIdx.z / groups, group = blockIdx.z % groups, places = samples * height * width;          \
        long long windows = (long long)samples * down * across;                                                    \
        multiply<T, INPUT>(dy + member * windows * outputs,                                                        \
                           kernel + (long long)member * rows * columns * (inputs / groups) * outputs,              \
                           (const T *)nullptr, out + (long long)member * places * inputs, z, places,               \
                           inputs / groups, 0, rows * columns * (outputs / groups), group);                        \
    }                                                                                                              \
    /* grid: tiles of m, tiles of n, parts x members x groups; out: (parts, members, kernel) */                    \
    extern "C" __global__ void __launch_bounds__(256) kernel_##NAME(const T *x, const T *dy, T *out,               \
            long long x_stride, int members, int span, SIZES) {                                                    \
        Sizes z = GIVEN;                                                                                           \
        int group = blockIdx.z % groups, slot = blockIdx.z / groups, member = slot % members;                      \
        int part = slot / members, windows = samples * down * across, deep = rows * columns * (inputs / groups);   \
        int end = min(windows, (part + 1) * span);                                                                 \
        multiply<T, KERNEL>(x + member * x_stride, dy + (long long)member * windows * outputs, (const T *)nullptr, \
                            out + (long long)slot * deep * outputs, z, deep, outputs / groups, part * span, end,   \
                            group);                                                                                \
    }                                                                                                              \
    /* grid: elements of a member, members; block: 128 */                                                          \
    extern "C" __global__ void __launch_bounds__(128) forward_each_##NAME(const T *x, const T *kernel,             \
            const T *bias, T *out, int has_bias, long long x_stride, SIZES) {                                      \
        Sizes z = GIVEN;                                                                                           \
        long long member = blockIdx.y, count = (long long)samples * down * across * outputs;                       \
        multiply_each<T, FORWARD>(x + member * x_stride, kernel + member * rows * columns * outputs,               \
                                  has_bias ? bias + member * outputs : nullptr, out + member * count, z, count);   \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(128) input_each_##NAME(const T *dy, const T *kernel, T *out,      \
            SIZES) {                                                                                               \
        Sizes z = GIVEN;                                                                                           \
        long long member = blockIdx.y, count = (long long)samples * height * width * inputs;                       \
        multiply_each<T, INPUT>(dy + member * ((long long)samples * down * across * outputs),                      \
                                kernel + member * rows * columns * outputs, (const T *)nullptr,                    \
                                out + member * count, z, count);                                                   \
    }                                                                                                              \
    /* grid: channels / 32, pixels of a window, parts x members; block: 32 x 8; out: (parts, members, kernel) */   \
    extern "C" __global__ void __launch_bounds__(256) kernel_each_##NAME(const T *x, const T *dy, T *out,          \
            long long x_stride, int members, int span, SIZES) {                                                    \
        Sizes z = GIVEN;                                                                                           \
        int member = blockIdx.z % members, part = blockIdx.z / members, windows = samples * down * across;         \
        sum_each<T>(x + member * x_stride, dy + (long long)member * windows * outputs,                             \
                    out + (long long)blockIdx.z * rows * columns * outputs, z, part * span,                        \
                    min(windows, (part + 1) * span));                                                              \
    }                                                                                                              \
    /* out(i) = sum over parts of parts(part, i), in their order */                                                \
    extern "C" __global__ void __launch_bounds__(128) sum_parts_##NAME(const T *parts, T *out, int count,          \
            long long size) {                                                                                      \
        long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                            \
        if (i >= size) return;                                                                                     \
        T sum = parts[i];                                                                                          \
        for (int part = 1; part < count; ++part) sum += parts[part * size + i];                                    \
        out[i] = sum;                                                                                              \
    }

KERNELS(float, float)
KERNELS(double, double)

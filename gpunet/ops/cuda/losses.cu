// Losses of rows of outputs: a block of 32 threads for each row, whose sums follow the threads in one order.

#define LANES 32

enum Loss { SOFTMAX, SIGMOID, SQUARED };

__device__ inline double lanes_sum(double value) {
    __shared__ double sums[LANES];
    __syncthreads();
    sums[threadIdx.x] = value;
    __syncthreads();
    double sum = 0;
    for (int lane = 0; lane < LANES; ++lane) sum += sums[lane];
    return sum;
}

// The first place of the largest of all lanes' numbers.
template <class T> __device__ inline int lanes_argmax(T value, int place, T &largest) {
    __shared__ T values[LANES];
    __shared__ int places[LANES];
    __syncthreads();
    values[threadIdx.x] = value;
    places[threadIdx.x] = place;
    __syncthreads();
    int found = places[0];
    largest = values[0];
    for (int lane = 1; lane < LANES; ++lane)
        if (values[lane] > largest || (values[lane] == largest && places[lane] < found) || values[lane] != values[lane]) {
            largest = values[lane];
            found = places[lane];
        }
    return found;
}

// The first place of the largest number of a row.
template <class T> __device__ inline int row_argmax(const T *row, int outputs, T &largest) {
    T value = row[threadIdx.x < outputs ? threadIdx.x : 0];
    int place = threadIdx.x < outputs ? threadIdx.x : 0;
    for (int k = threadIdx.x + LANES; k < outputs; k += LANES)
        if (row[k] > value || row[k] != row[k]) {
            value = row[k];
            place = k;
        }
    return lanes_argmax(value, place, largest);
}

// grid: rows of all members
template <class T>
__device__ inline void loss(const T *z, const int *labels, const T *values, const T *shares, T share, const T *kept,
                            const T *spread, T *each, T *gradient, T *right, int outputs, int samples,
                            long long target_rows, long long share_rows, int kind, double factor) {
    long long row = blockIdx.x, member = row / samples;
    const T *own = z + row * outputs, *value = values ? values + row % target_rows * outputs : nullptr;
    int label = labels ? labels[row % target_rows] : 0;
    T largest, keep = kept ? kept[member] : T(1), add = spread ? spread[member] : T(0);
    int place = row_argmax(own, outputs, largest), said = outputs == 1 ? own[0] > T(0) : place;
    if (value) {
        T unused;
        label = row_argmax(value, outputs, unused);
        if (outputs == 1) label = value[0] > T(0.5);
    }
    double total = 0;
    T log_sum = T(0);
    if (kind == SOFTMAX) {
        for (int k = threadIdx.x; k < outputs; k += LANES) total += (double)exp(own[k] - largest);
        log_sum = (T)log(lanes_sum(total));
        total = 0;
    }
    if (shares) share = shares[row % share_rows];
    for (int k = threadIdx.x; k < outputs; k += LANES) {
        T x = own[k], wanted = value ? value[k] : outputs == 1 ? T(label) : T(label == k), slope;
        if (kind == SOFTMAX) {
            wanted = wanted * keep + add;
            T log_p = x - largest - log_sum;
            slope = exp(log_p) - wanted;
            total -= (double)(log_p * wanted);
        } else if (kind == SIGMOID) {
            // From the nearer of 0 and 1, so that nothing cancels where output and target all but agree.
            T small = exp(-fabs(x)), positive = T(x > T(0));
            total += (double)((positive - wanted) * x + log1p(small));
            slope = positive - wanted + (x > T(0) ? -small : small) / (T(1) + small);
        } else {
            T error = x - wanted;
            total += (double)(error * error);
            slope = error;
        }
        gradient[row * outputs + k] = slope * (T)(kind == SQUARED ? 2 * factor : factor) * share;
    }
    total = lanes_sum(total);
    if (threadIdx.x == 0) {
        each[row] = (T)(kind == SOFTMAX ? total : total * factor);
        right[row] = T(said == label);
    }
}

#define KERNELS(T, NAME)                                                                                           \
    extern "C" __global__ void __launch_bounds__(32) loss_##NAME(                                                  \
        const T *z, const int *labels, const T *values, int has_labels, const T *shares, int has_shares, T share,  \
        const T *kept, const T *spread, int smooths, T *each, T *gradient, T *right, int outputs, int samples,     \
        long long target_rows, long long share_rows, int kind, double factor) {                                    \
        loss<T>(z, has_labels ? labels : nullptr, has_labels ? nullptr : values, has_shares ? shares : nullptr,    \
                share, smooths ? kept : nullptr, smooths ? spread : nullptr, each, gradient, right, outputs,       \
                samples, target_rows, share_rows, kind, factor);                                                   \
    }

KERNELS(float, float)
KERNELS(double, double)

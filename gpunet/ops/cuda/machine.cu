// What stands between the products of a machine: units of every kind given their inputs, statistics, energies.

#include "../../backend/philox.cu"

#define THREADS 256
#define WORDS (4 * THREADS)  // that the threads of a block draw together
#define SPAN (4 * WORDS)     // numbers of a block that get 16 bits each of these words; half as many get 32
#define COLUMNS 32
#define LANES 8

enum Kind { BERNOULLI, SPIN, BINOMIAL, SOFTMAX, GAUSSIAN, COUNTED, RECTIFIED, GIVEN };  // GIVEN: means, not inputs

// Units of one kind; `number` is that of their trials, or of the choices of a group.
template <class T> struct Units {
    int kind, n, number;
    const T *log_variance;
};

// The units of a side: those that come first, and perhaps others behind them.
template <class T> struct Side {
    Units<T> first, second;
    __device__ int width() const { return first.n + second.n; }
    __device__ const Units<T> &at(int column) const { return column < first.n ? first : second; }
    __device__ int begin(int column) const { return column < first.n ? 0 : first.n; }  // of the units at a column
};

// Where a walk along temperatures is: its row of the table holds the last inverse temperature, this one, how much the
// base has in the inputs of visible units, and how far the two are apart.  Or the table holds an inverse temperature for
// every so many rows.
template <class T> struct Heat {
    const T *table, *base;
    const word *clock, *start;
    int every;  // rows of one temperature, or 0 on a walk
    __device__ const T *row() const { return table + 4 * (clock[0] - start[0]); }
};

template <class T> __device__ inline T sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }

template <class T> __device__ inline T softplus(T x) { return (x < T(0) ? T(0) : x) + log1p(exp(-fabs(x))); }

template <class T> __device__ inline T variance(const Units<T> &u, int i) {
    return u.log_variance ? exp(u.log_variance[i]) : T(1);
}

// Inputs of the units in a row, which may lack the bias.
template <class T> __device__ inline T input(const T *x, const T *bias, int i) { return bias ? x[i] + bias[i] : x[i]; }

// The largest input of a group, and by how much the logarithm of the sum of all exponentials is larger.
template <class T>
__device__ inline T group_top(const T *x, const T *bias, int first, int group, T beta, T &above) {
    T top = input(x, bias, first) * beta, sum = T(0);
    for (int k = 1; k < group; ++k) {
        T one = input(x, bias, first + k) * beta;
        if (one > top) top = one;
    }
    for (int k = 0; k < group; ++k) sum += exp(input(x, bias, first + k) * beta - top);
    above = log(sum);
    return top;
}

// The expected state of a unit; factors of the corrections to softplus are those of the reference.
template <class T> __device__ inline T mean(const Units<T> &u, const T *x, const T *bias, int i) {
    T z = input(x, bias, i);
    if (u.kind == GIVEN) return z;
    if (u.kind == SPIN) return tanh(z);
    if (u.kind == GAUSSIAN) return z * variance(u, i);
    if (u.kind == SOFTMAX) {
        T above, top = group_top(x, bias, i - i % u.number, u.number, T(1), above);
        return exp(z - top - above);
    }
    T s = sigmoid(z), w = s - s * s;
    if (u.kind == BERNOULLI) return s;
    if (u.kind == BINOMIAL) return s * T(u.number);
    if (u.kind == RECTIFIED) return softplus(z) - w * T(1. / 24);
    return softplus(z) + w * (T(-1. / 24 + 7. / 5760 - 31. / 967680) +
                              w * (T(-42. / 5760 + 930. / 967680) + w * T(-3720. / 967680)));
}

// The integral of softplus up to x.
template <class T> __device__ inline T softplus_integral(T x) {
    T u = log1p(exp(-fabs(x))), square = u * u;
    T below = ((((square * T(1. / 211680) - T(1. / 3600)) * square + T(1. / 36)) * u + T(1. / 4)) * u + T(1)) * u;
    return x > T(0) ? x * x * T(0.5) + T(1.6449340668482264) - below : below;
}

// Logarithm of the normaliser of a unit at an inverse temperature; the first of a group has that of the whole group.
template <class T>
__device__ inline T log_partition(const Units<T> &u, const T *x, const T *bias, int i, T beta) {
    if (u.kind == SOFTMAX) {
        if (i % u.number) return T(0);
        T above, top = group_top(x, bias, i, u.number, beta, above);
        return top + above;
    }
    T z = input(x, bias, i) * beta;
    if (u.kind == BERNOULLI) return softplus(z);
    if (u.kind == BINOMIAL) return T(u.number) * softplus(z);
    if (u.kind == SPIN) return softplus(T(2) * z) - z;
    if (u.kind == GAUSSIAN) return T(0.5) * z * z * variance(u, i);
    T s = sigmoid(z), w = s - s * s, curve = T(0);
    if (u.kind == COUNTED) {
        curve = w * (T(7. / 5760 - 31. / 967680) + w * T(372. / 967680));
        curve -= curve * T(2) * s;
    }
    return softplus_integral(z) + curve - s * T(1. / 24);
}

// Logarithm of the base measure of a state.
template <class T> __device__ inline double log_base(const Units<T> &u, T state, int i) {
    double s = state;
    if (u.kind == BINOMIAL) {
        double count = floor(s), all = u.number;
        return count < 1 || count >= all ? 0 : lgamma(all + 1) - lgamma(count + 1) - lgamma(all - count + 1);
    }
    if (u.kind == GAUSSIAN) {
        double spread = u.log_variance ? u.log_variance[i] : 0;
        return -0.5 * s * s / exp(spread) - 0.5 * spread - 0.9189385332046727;
    }
    if (u.kind != COUNTED && u.kind != RECTIFIED) return 0;
    double total = -0.5 * s * s;
    for (int j = 1; j <= 30; ++j) total += log1p(-exp(-(s + j))) - log1p(-exp(-(double)j));
    return total;
}

// The input that a unit is drawn for; `x` gets the bias that it lacks.
template <class T>
__device__ inline T driven(T *x, const T *bias, const Heat<T> &heat, long long row, int i, bool lacks) {
    T z = x[i];
    if (bias && lacks) x[i] = z = z + bias[i];
    if (!heat.table) return z;
    if (heat.every) return z * heat.table[row / heat.every];
    const T *now = heat.row();
    z *= now[1];
    return heat.base ? z + now[2] * heat.base[i] : z;
}

// A draw: where the inputs of some units and their states are, and what is drawn from.
template <class T> struct Draw {
    T *x, *state;
    const T *bias;
    Heat<T> heat;
    long long state_row;  // from the states of a row to those of the next
    int rows, width;
    const word *key;
    word clock, site;
};

// Units of two states, and sums of them: decided as ctx.events decides.
template <class T> __device__ inline void events(const Units<T> &u, Draw<T> d, long long block) {
    __shared__ word words[WORDS];
    long long start = block * SPAN, count = (long long)d.rows * u.n;
    int trials = u.kind == BINOMIAL ? u.number : 1;
    for (int trial = 0; trial < trials; ++trial, ++d.site) {
        if (trial) __syncthreads();  // until all have read the last words
        philox_share(words, start, d.key, d.clock, d.site);
        for (int i = threadIdx.x; i < SPAN && start + i < count; i += THREADS) {
            long long element = start + i, row = element / u.n;
            int column = element % u.n;
            T z = driven(d.x + row * d.width, d.bias, d.heat, row, column, !trial);
            T p = u.kind == SPIN ? (tanh(z) + T(1)) * T(0.5) : sigmoid(z);
            T event = T(philox_event((double)(p * T(65536)), philox_bits(words, i), element, d.clock, d.site, d.key));
            T *state = d.state + row * d.state_row + column;
            *state = u.kind == SPIN ? event * T(2) - T(1) : trial ? *state + event : event;
        }
    }
}

// A uniform number strictly between 0 and 1 from 32 bits.
template <class T> __device__ inline T uniform(unsigned bits) { return (T(bits >> 9) + T(0.5)) * T(0x1p-23); }

__device__ inline unsigned bits32(const word *words, int number) {
    return (unsigned)(words[number / 2] >> (32 * (number % 2)));
}

// How many copies are active, by inverting the distribution of their number as the reference does.
template <class T> __device__ inline T counted(T x, T level) {
    const T powers[12] = {T(1), T(0.36787944117144233), T(0.1353352832366127), T(0.049787068367863944),
                          T(0.01831563888873418), T(0.006737946999085467), T(0.0024787521766663585),
                          T(0.0009118819655545162), T(0.00033546262790251185), T(0.00012340980408667956),
                          T(4.5399929762484854e-05), T(1.670170079024566e-05)};  // of 1 / e
    T low = floor(x + T(0.5 - 6));
    low = low < T(0) ? T(0) : low;
    T growth = exp(x - low - T(0.5)), decay = -exp(-(low + T(1)));
    T chance = T(1), total = T(1);
    for (int k = 0; k < 12; ++k) total += chance *= growth / (decay * powers[k] + T(1)) * powers[k];
    level *= total;
    chance = total = T(1);
    T count = low + T(level > total);
    for (int k = 0; k < 11; ++k) {
        total += chance *= growth / (decay * powers[k] + T(1)) * powers[k];
        count += T(level > total);
    }
    return count;
}

// Units whose states are real numbers or have no largest.
template <class T> __device__ inline void numbers(const Units<T> &u, Draw<T> d, long long block) {
    __shared__ word words[2][WORDS];
    long long start = block * (SPAN / 2), count = (long long)d.rows * u.n;
    philox_share(words[0], 2 * start, d.key, d.clock, d.site);
    if (u.kind != COUNTED) philox_share(words[1], 2 * start, d.key, d.clock, d.site + 1);
    for (int i = threadIdx.x; i < SPAN / 2 && start + i < count; i += THREADS) {
        long long element = start + i, row = element / u.n;
        int column = element % u.n;
        T z = driven(d.x + row * d.width, d.bias, d.heat, row, column, true), u1 = uniform<T>(bits32(words[0], i)), s;
        if (u.kind == COUNTED) {
            s = counted(z, u1);
        } else {
            T noise = sqrt(log(u1) * T(-2)) * cos(uniform<T>(bits32(words[1], i)) * T(6.283185307179586));
            if (u.kind == GAUSSIAN) {
                T spread = variance(u, column);
                s = noise * sqrt(spread) + z * spread;
            } else {
                s = noise * sqrt(sigmoid(z)) + z;
                s = s < T(0) ? T(0) : s;
            }
        }
        d.state[row * d.state_row + column] = s;
    }
}

// Groups of which one number is 1: the largest of the inputs plus Gumbel noise, the first of those that are alike.
template <class T> __device__ inline void choices(const Units<T> &u, Draw<T> d, long long block) {
    __shared__ T values[THREADS];
    __shared__ int places[THREADS];
    int size = 1, groups = u.n / u.number;
    while (size < u.number && size < THREADS) size *= 2;  // threads of a group
    int team = threadIdx.x / size, lane = threadIdx.x % size;
    long long which = block * (THREADS / size) + team, row = which / groups;
    int first = which % groups * u.number, place = -1;
    bool inside = row < d.rows;
    T best = T(0);
    for (int k = lane; inside && k < u.number; k += size) {
        long long element = row * u.n + first + k;
        word drawn[4];
        philox_block((word)(element / 8) + 1, d.clock, d.site, 0, d.key[0], d.key[1], drawn);
        word half = element & 4 ? (element & 2 ? drawn[3] : drawn[2]) : (element & 2 ? drawn[1] : drawn[0]);
        T noise = log(-log(uniform<T>((unsigned)(half >> (32 * (element % 2))))));
        T value = driven(d.x + row * d.width, d.bias, d.heat, row, first + k, true) - noise;
        if (place < 0 || value > best || value != value) {
            best = value;
            place = k;
        }
    }
    values[threadIdx.x] = best;
    places[threadIdx.x] = place;
    __syncthreads();
    if (!inside) return;
    int winner = places[team * size];
    best = values[team * size];
    for (int other = team * size + 1; other < (team + 1) * size; ++other) {
        T value = values[other];
        place = places[other];
        if (place >= 0 && (value > best || value != value || (value == best && place < winner))) {
            best = value;
            winner = place;
        }
    }
    for (int k = lane; k < u.number; k += size) d.state[row * d.state_row + first + k] = T(k == winner);
}

template <class T> __device__ inline void draw_units(const Units<T> &u, const Draw<T> &d, long long block) {
    if (u.kind == SOFTMAX) choices(u, d, block);
    else if (u.kind < SOFTMAX) events(u, d, block);
    else numbers(u, d, block);
}

// How many sites a draw takes.
template <class T> __device__ inline int sites(const Units<T> &u) {
    return u.kind == BINOMIAL ? u.number : u.kind == GAUSSIAN || u.kind == RECTIFIED ? 2 : 1;
}

// States of a side given its inputs, which get the bias that they may lack.
// grid: `blocks` of the first units of a member, then those of the others; members
template <class T>
__device__ inline void draw(const Side<T> &side, Draw<T> d, int blocks) {
    if ((int)blockIdx.x < blocks) {
        draw_units(side.first, d, blockIdx.x);
        return;
    }
    int first = side.first.n;
    d.x += first;
    d.state += first;
    if (d.bias) d.bias += first;
    if (d.heat.base) d.heat.base += first;
    d.site += sites(side.first);
    draw_units(side.second, d, blockIdx.x - blocks);
}

// Expected states of a side.
// grid: SPAN numbers of a member, members
template <class T>
__device__ inline void expect(const Side<T> &side, const T *x, const T *bias, T *out, int rows) {
    int width = side.width();
    long long start = (long long)blockIdx.x * SPAN, count = (long long)rows * width;
    for (int i = threadIdx.x; i < SPAN && start + i < count; i += THREADS) {
        long long row = (start + i) / width;
        int column = (start + i) % width, begin = side.begin(column);
        out[start + i] = mean(side.at(column), x + row * width + begin, bias ? bias + begin : nullptr, column - begin);
    }
}

// The sum of the weights of all samples, for each column of a block the same.
template <class T> __device__ inline T weight_of_all(const T *weights, int samples) {
    __shared__ T sums[LANES][COLUMNS];
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS;
    T sum = T(0);
    for (int row = lane; row < samples; row += LANES) sum += weights[row];
    __syncthreads();  // until all have read the last ones
    sums[lane][across] = sum;
    __syncthreads();
    sum = T(0);
    for (int other = 0; other < LANES; ++other) sum += sums[other][across];
    return sum;
}

// What weights are divided by: their sum, or the smallest number there is.
template <class T> __device__ inline T divisor(T total) {
    T least = sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308);
    return total > least ? total : least;
}

// Data and states of the model: of one side, or, of hidden units, their inputs, which may lack a bias.
template <class T> struct States {
    const T *data, *model, *data_bias, *model_bias;
    const T *weights, *model_weights;  // or null where all rows count alike
    int samples, chains;
};

// One side of the statistics: for 32 units, the states of data and model below each other, centred and, of the hidden
// units, weighted; the mean of the data, by how much that of the model is larger, and the slope of learned variances.
template <class T>
__device__ inline void tile(const Side<T> &side, const States<T> &s, const T *offset, int centres, T *stacked, T *observed,
                            T *difference, T *slope, int number, bool hidden) {
    __shared__ T sums[4][LANES][COLUMNS];
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS, column = number * COLUMNS + across;
    int n = side.width(), begin = side.begin(column);
    bool inside = column < n, learns = slope && column < side.first.n;
    const Units<T> &u = side.at(column);
    T total = s.weights ? weight_of_all(s.weights, s.samples) : T(s.samples), whole = divisor(total);
    T model_whole = divisor(s.model_weights ? weight_of_all(s.model_weights, s.chains) : T(s.chains));
    T sum = T(0), model_sum = T(0), squares = T(0), model_squares = T(0);
    T middle = inside && centres ? offset[column] : T(0);
    for (int row = lane; inside && row < s.samples + s.chains; row += LANES) {
        bool seen = row < s.samples;
        int own = seen ? row : row - s.samples;
        const T *states = (seen ? s.data : s.model) + (long long)own * n + begin;
        const T *bias = seen ? s.data_bias : s.model_bias;
        T value = hidden ? mean(u, states, bias ? bias + begin : nullptr, column - begin) : states[column - begin];
        const T *weights = seen ? s.weights : s.model_weights;
        // Beside data without any weight, chains that have none of their own do not count either.
        T weight = (weights ? weights[own] : T(seen || total > T(0))) / (seen ? whole : model_whole), share = value * weight;
        if (seen) sum += share;
        else model_sum += share;
        if (learns && seen) squares += share * value;
        if (learns && !seen) model_squares += share * value;
        T apart = value - middle;
        stacked[(long long)row * n + column] = !hidden ? apart : seen ? -apart * weight : apart * weight;
    }
    sums[0][lane][across] = sum;
    sums[1][lane][across] = model_sum;
    sums[2][lane][across] = squares;
    sums[3][lane][across] = model_squares;
    __syncthreads();
    if (lane || !inside) return;
    for (int other = 1; other < LANES; ++other) {
        sum += sums[0][other][across];
        model_sum += sums[1][other][across];
        squares += sums[2][other][across];
        model_squares += sums[3][other][across];
    }
    observed[column] = total > T(0) ? sum : offset[column];
    difference[column] = model_sum - sum;
    if (learns) slope[column] = (model_squares - squares) * (T(0.5) / variance(u, column));
}

// The gradients of the biases: differences of means, less what the slope of the weights gives at the other side's
// offsets; and, where there is one, the pull on the activity of hidden units.
// grid: 8 visible units each, then 32 hidden ones each; members
template <class T>
__device__ inline void biases(const T *w, const T *v_difference, const T *h_difference, const T *mu, const T *nu,
                              int centres, const T *pull, T *b, T *c, int visible, int hidden) {
    __shared__ T sums[LANES][COLUMNS];
    int blocks = (visible + LANES - 1) / LANES;
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS;
    bool of_visible = (int)blockIdx.x < blocks;
    int row = blockIdx.x * LANES + lane, column = ((int)blockIdx.x - blocks) * COLUMNS + across;
    T sum = T(0);
    if (of_visible) {
        for (int j = across; centres && row < visible && j < hidden; j += COLUMNS)
            sum += w[(long long)row * hidden + j] * nu[j];
    } else {
        for (int i = lane; centres && column < hidden && i < visible; i += LANES)
            sum += w[(long long)i * hidden + column] * mu[i];
    }
    sums[lane][across] = sum;
    __syncthreads();
    sum = T(0);
    if (of_visible) {
        if (across || row >= visible) return;
        for (int other = 0; other < COLUMNS; ++other) sum += sums[lane][other];
        b[row] = v_difference[row] - sum;
    } else {
        if (lane || column >= hidden) return;
        for (int other = 0; other < LANES; ++other) sum += sums[other][across];
        c[column] = h_difference[column] - sum + (pull ? pull[column] : T(0));
    }
}

// The sum of a number of each thread, by thread 0.
__device__ inline double sum_of_all(double value) {
    __shared__ double sums[THREADS];
    sums[threadIdx.x] = value;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    return sums[0];
}

// - (log base of v + v b + log partition of x) of a sample.
template <class T>
__device__ inline void free_energy(const Side<T> &visible, const Side<T> &hidden, const T *v, const T *b, const T *x,
                                   const T *lacking, T *energy) {
    double sum = 0;
    for (int i = threadIdx.x; i < visible.width(); i += THREADS)
        sum += (double)(v[i] * b[i]) + log_base(visible.at(i), v[i], i - visible.begin(i));
    for (int j = threadIdx.x; j < hidden.width(); j += THREADS) {
        int first = hidden.begin(j);
        sum += log_partition(hidden.at(j), x + first, lacking ? lacking + first : nullptr, j - first, T(1));
    }
    sum = sum_of_all(sum);
    if (threadIdx.x == 0) *energy = -(T)sum;
}

// Both sides of the statistics, the pull on the activity of hidden units, and the free energies of the data.
// grid: 32 visible units each, then 32 hidden ones each, then the samples; members
template <class T> struct Statistics {
    const T *b, *mu, *nu;       // bias of the visible units, offsets
    T *stacked_v, *stacked_h, *v_mean, *h_mean, *v_difference, *h_difference, *v_slope, *h_slope;
    const T *strength;          // target and cost of the activity of all members, or null
    T *pull, *energy;
};

template <class T>
__device__ inline void statistics(const Side<T> &visible, const Side<T> &hidden, const States<T> &v, const States<T> &x,
                                  const Statistics<T> &s, int centres) {
    int n = visible.width(), m = hidden.width(), tiles = (n + COLUMNS - 1) / COLUMNS, number = (int)blockIdx.x - tiles;
    if (number < 0) {
        tile(visible, v, s.mu, centres, s.stacked_v, s.v_mean, s.v_difference, s.v_slope, (int)blockIdx.x, false);
        return;
    }
    long long sample = number - (m + COLUMNS - 1) / COLUMNS;
    if (sample >= 0) {
        free_energy(visible, hidden, v.data + sample * n, s.b, x.data + sample * m, x.data_bias, s.energy + sample);
        return;
    }
    tile(hidden, x, s.nu, centres, s.stacked_h, s.h_mean, s.h_difference, s.h_slope, number, true);
    int column = number * COLUMNS + threadIdx.x;
    if (!s.strength || threadIdx.x >= COLUMNS || column >= m) return;
    bool some = !x.weights;
    for (int row = 0; !some && row < x.samples; ++row) some = x.weights[row] > T(0);
    s.pull[column] = some ? s.strength[gridDim.y + blockIdx.y] * (s.nu[column] - s.strength[blockIdx.y]) : T(0);
}

// Added to the logarithm of a row's weight: log f of its visible states at the inverse temperature of a walk less that
// at the last one; or log f at that of now alone, with the base measure.
// grid: rows, members
template <class T>
__device__ inline void weigh(const Side<T> &visible, const Side<T> &hidden, const T *v, const T *b, const T *x,
                             const T *lacking, const Heat<T> &heat, int alone, double sign, double *weight) {
    const T *now = heat.row();
    T low = now[0], high = now[1], rest = now[2], apart = now[3];
    double sum = 0;
    for (int i = threadIdx.x; i < visible.width(); i += THREADS) {
        T linear = alone ? high * b[i] + rest * heat.base[i] : (b[i] - heat.base[i]) * apart;
        sum += (double)(v[i] * linear) + (alone ? log_base(visible.at(i), v[i], i - visible.begin(i)) : 0);
    }
    for (int j = threadIdx.x; j < hidden.width(); j += THREADS) {
        int first = hidden.begin(j);
        const T *c = lacking ? lacking + first : nullptr;
        double change = log_partition(hidden.at(j), x + first, c, j - first, high);
        if (!alone) change -= log_partition(hidden.at(j), x + first, c, j - first, low);
        sum += change;
    }
    sum = sum_of_all(sum);
    if (threadIdx.x == 0) *weight += sign * sum;
}

// Unnormalised log-probabilities of a row of chains at the inverse temperature that is one step colder than its own, at
// its own, and at the one that is hotter; at the ends its own stands for what is not there.
// grid: rows, members
template <class T>
__device__ inline void levels(const Side<T> &hidden, const T *v, const T *b, int n, const T *x, const T *lacking,
                              const T *betas, int rungs, int count, double *out) {
    int rung = blockIdx.x / count;
    double linear = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) linear += (double)(v[i] * b[i]);
    linear = sum_of_all(linear);
    for (int shift = -1; shift <= 1; ++shift) {
        int other = rung + shift < 0 ? 0 : rung + shift >= rungs ? rungs - 1 : rung + shift;
        double sum = 0;
        for (int j = threadIdx.x; j < hidden.width(); j += THREADS) {
            int first = hidden.begin(j);
            sum += log_partition(hidden.at(j), x + first, lacking ? lacking + first : nullptr, j - first, betas[other]);
        }
        __syncthreads();  // until the last sum is read
        sum = sum_of_all(sum);
        if (threadIdx.x == 0) out[shift + 1] = sum + betas[other] * linear;
    }
}

// Whether the chains of a number at a temperature and the next one would exchange their states.
template <class T>
__device__ inline bool accepts(const double *levels, int rung, int chain, int count, word clock, word site, const word *key) {
    const double *cold = levels + 3 * ((long long)rung * count + chain), *hot = cold + 3 * count;
    long long element = (long long)rung * count + chain;
    word drawn[4];
    philox_block((word)(element / 8) + 1, clock, site, 0, key[0], key[1], drawn);
    word half = element & 4 ? (element & 2 ? drawn[3] : drawn[2]) : (element & 2 ? drawn[1] : drawn[0]);
    return (double)log(uniform<T>((unsigned)(half >> (32 * (element % 2))))) < cold[2] + hot[0] - cold[1] - hot[1];
}

// States of the chains after exchanges of even pairs of temperatures in even steps and of odd ones in odd steps, and the
// inputs that those at the first temperature give; how many of all pairs would exchange is counted.
// grid: rows, then pairs; members
template <class T>
__device__ inline void exchange(const double *levels, const T *v, T *states, int n, const T *x, const T *lacking, T *top,
                                int m, double *swaps, double *attempts, int rungs, int count, word clock, word site,
                                const word *key) {
    int rows = rungs * count;
    if ((int)blockIdx.x >= rows) {
        int pair = blockIdx.x - rows;
        if (threadIdx.x) return;
        double sum = 0;
        for (int chain = 0; chain < count; ++chain) sum += accepts<T>(levels, pair, chain, count, clock, site, key);
        swaps[pair] += sum / count;
        if (pair == 0) attempts[0] += 1;
        return;
    }
    int row = blockIdx.x, rung = row / count, chain = row % count, from = row;
    bool first = rung % 2 == (int)(clock % 2);  // whether this temperature is the colder one of its pair
    if (first && rung + 1 < rungs && accepts<T>(levels, rung, chain, count, clock, site, key)) from += count;
    if (!first && rung && accepts<T>(levels, rung - 1, chain, count, clock, site, key)) from -= count;
    for (int i = threadIdx.x; i < n; i += THREADS) states[(long long)row * n + i] = v[(long long)from * n + i];
    if (rung) return;
    for (int j = threadIdx.x; j < m; j += THREADS) {
        T input = x[(long long)from * m + j];
        top[(long long)row * m + j] = lacking ? input + lacking[j] : input;
    }
}

// What inputs let expect of a side, less what was wanted, in its part of the mean over the rows; and the sum of that.
// grid: 32 units each, members
template <class T>
__device__ inline void error(const Side<T> &side, const T *x, const T *bias, const T *wanted, long long wanted_row,
                             const T *weights, T *errors, T *sums, int rows) {
    __shared__ T parts[LANES][COLUMNS];
    int across = threadIdx.x % COLUMNS, lane = threadIdx.x / COLUMNS, column = blockIdx.x * COLUMNS + across;
    int n = side.width(), begin = side.begin(column);
    const Units<T> &u = side.at(column);
    T whole = weights ? divisor(weight_of_all(weights, rows)) : T(rows), sum = T(0);
    for (int row = lane; column < n && row < rows; row += LANES) {
        T one = mean(u, x + (long long)row * n + begin, bias + begin, column - begin) - wanted[row * wanted_row + column];
        one *= (weights ? weights[row] : T(1)) / whole;
        errors[(long long)row * n + column] = one;
        sum += one;
    }
    parts[lane][across] = sum;
    __syncthreads();
    if (lane || column >= n) return;
    for (int other = 1; other < LANES; ++other) sum += parts[other][across];
    sums[column] = sum;
}

// What a launch says of a side; a member has logarithms of variances of its own.
#define SIDE(T, s)                                                                                                 \
    int s##_kind, int s##_first, int s##_number, const T *s##_variance, long long s##_stride, int s##_learns,      \
        int s##_kind2, int s##_second, int s##_number2
#define MADE(T, s)                                                                                                 \
    Side<T> s = {{s##_kind, s##_first, s##_number, s##_learns ? s##_variance + blockIdx.y * s##_stride : nullptr}, \
                 {s##_kind2, s##_second, s##_number2, nullptr}}

// Biases and what lies like them in the flat vectors are `stride` apart from member to member.
#define KERNELS(T, NAME)                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) draw_##NAME(                                                 \
        T *x, const T *bias, long long bias_stride, int has_bias, T *state, long long state_row,                   \
        long long state_member, int rows, SIDE(T, side), int blocks, const T *table, const T *base,                \
        const word *start, int heated, int has_base, int every, long long table_stride, const word *keys, const word *clock, word site) {             \
        long long member = blockIdx.y;                                                                             \
        MADE(T, side);                                                                                             \
        Heat<T> heat = {heated ? table + member * table_stride : nullptr, has_base ? base : nullptr, clock, start, \
                        every};                                                                                    \
        Draw<T> d = {x + member * rows * side.width(), state + member * state_member,                              \
                     has_bias ? bias + member * bias_stride : nullptr, heat, state_row, rows, side.width(),        \
                     keys + 2 * member, clock[0], site};                                                           \
        draw<T>(side, d, blocks);                                                                                  \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) expect_##NAME(                                               \
        const T *x, const T *bias, long long bias_stride, int has_bias, T *out, int rows, SIDE(T, side)) {         \
        MADE(T, side);                                                                                             \
        long long first = (long long)blockIdx.y * rows * side.width();                                             \
        expect<T>(side, x + first, has_bias ? bias + blockIdx.y * bias_stride : nullptr, out + first, rows);       \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) statistics_##NAME(                                           \
        const T *v, const T *v_model, SIDE(T, visible), const T *x, const T *x_model, SIDE(T, hidden),             \
        const T *b, const T *c, int data_lacks, int model_lacks, const T *mu, const T *nu, long long stride,       \
        int centres,                                                                                               \
        const T *weights, int weighted, const T *model_weights, int model_weighted, const T *strength, int sparse, T *stacked_v, T *stacked_h,     \
        T *v_mean, T *h_mean, T *v_difference, T *h_difference, T *pull, T *v_slope, T *h_slope, T *energy,        \
        int samples, int chains) {                                                                                 \
        long long member = blockIdx.y, rows = samples + chains, lag = member * stride;                             \
        MADE(T, visible);                                                                                          \
        MADE(T, hidden);                                                                                           \
        int n = visible.width(), m = hidden.width();                                                               \
        const T *own = weighted ? weights + member * samples : nullptr;                                            \
        const T *others = model_weighted ? model_weights + member * chains : nullptr;                              \
        States<T> of_v = {v + member * samples * n, v_model + member * chains * n, nullptr, nullptr, own, others,  \
                          samples, chains};                                                                        \
        States<T> of_h = {x + member * samples * m, x_model + member * chains * m,                                 \
                          data_lacks ? c + lag : nullptr, model_lacks ? c + lag : nullptr, own, others,            \
                          samples, chains};                                                                        \
        Statistics<T> s = {b + lag, mu + lag, nu + lag, stacked_v + member * rows * n,                             \
                           stacked_h + member * rows * m,                                                          \
                           v_mean + lag, h_mean + lag, v_difference + member * n, h_difference + member * m,       \
                           visible_learns ? v_slope + lag : nullptr, hidden_learns ? h_slope + lag : nullptr,      \
                           sparse ? strength : nullptr, pull + member * m, energy + member * samples};             \
        statistics<T>(visible, hidden, of_v, of_h, s, centres);                                                    \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) biases_##NAME(                                               \
        const T *slope, const T *v_difference, const T *h_difference, const T *mu, const T *nu, long long stride,  \
        int centres, const T *pull, int sparse, T *b, T *c, int visible, int hidden) {                             \
        long long member = blockIdx.y, lag = member * stride;                                                      \
        biases<T>(slope + lag, v_difference + member * visible, h_difference + member * hidden, mu + lag,          \
                  nu + lag, centres, sparse ? pull + member * hidden : nullptr, b + lag, c + lag, visible,         \
                  hidden);                                                                                         \
    }                                                                                                              \
    /* The pull on the activity of hidden units reaches the weights.  grid: 256 weights of a member, members */    \
    extern "C" __global__ void __launch_bounds__(256) press_##NAME(T *slope, long long stride, const T *v_mean,    \
                                                                   const T *pull, int visible, int hidden) {       \
        long long place = (long long)blockIdx.x * THREADS + threadIdx.x, lag = blockIdx.y * stride;                \
        if (place >= (long long)visible * hidden) return;                                                          \
        slope[lag + place] += v_mean[lag + place / hidden] * pull[blockIdx.y * hidden + place % hidden];           \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) weigh_##NAME(                                                \
        const T *v, const T *b, long long b_stride, SIDE(T, visible), const T *x, const T *c, long long c_stride,  \
        int lacks, SIDE(T, hidden), const T *table, const T *base, const word *start, const word *clock,           \
        int alone, double sign, double *weights) {                                                                 \
        long long row = (long long)blockIdx.y * gridDim.x + blockIdx.x;                                            \
        MADE(T, visible);                                                                                          \
        MADE(T, hidden);                                                                                           \
        Heat<T> heat = {table, base, clock, start, 0};                                                             \
        weigh<T>(visible, hidden, v + row * visible.width(), b + blockIdx.y * b_stride, x + row * hidden.width(),  \
                 lacks ? c + blockIdx.y * c_stride : nullptr, heat, alone, sign, weights + row);                   \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) levels_##NAME(                                               \
        const T *v, const T *b, long long b_stride, int n, const T *x, const T *c, long long c_stride, int lacks,  \
        SIDE(T, hidden), const T *betas, int rungs, int count, double *out) {                                      \
        long long row = (long long)blockIdx.y * gridDim.x + blockIdx.x;                                            \
        MADE(T, hidden);                                                                                           \
        levels<T>(hidden, v + row * n, b + blockIdx.y * b_stride, n, x + row * hidden.width(),                     \
                  lacks ? c + blockIdx.y * c_stride : nullptr, betas + blockIdx.y * rungs, rungs, count,           \
                  out + 3 * row);                                                                                  \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) exchange_##NAME(                                             \
        const double *levels, const T *v, T *states, int n, const T *x, const T *c, long long c_stride, int lacks, \
        T *top, int m, double *swaps, double *attempts, int rungs, int count, const word *keys,                    \
        const word *clock, word site) {                                                                            \
        long long member = blockIdx.y, rows = (long long)rungs * count;                                            \
        exchange<T>(levels + 3 * member * rows, v + member * rows * n, states + member * rows * n, n,              \
                    x + member * rows * m, lacks ? c + member * c_stride : nullptr, top + member * count * m, m,   \
                    swaps + member * (rungs - 1), attempts + member, rungs, count, clock[0], site,                 \
                    keys + 2 * member);                                                                            \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) error_##NAME(                                                \
        const T *x, const T *bias, long long bias_stride, const T *wanted, long long wanted_row,                   \
        long long wanted_member, const T *weights, int weighted, T *errors, T *sums, long long sums_stride,        \
        int rows, SIDE(T, side)) {                                                                                 \
        long long member = blockIdx.y;                                                                             \
        MADE(T, side);                                                                                             \
        long long first = member * rows * side.width();                                                            \
        error<T>(side, x + first, bias + member * bias_stride, wanted + member * wanted_member, wanted_row,        \
                 weighted ? weights + member * rows : nullptr, errors + first, sums + member * sums_stride, rows); \
    }

KERNELS(float, float)
KERNELS(double, double)

// The end of a training step: from the gradients to the new weights and counters, in four launches.
//
//   square_partials  sums of squares of each tile
//   judge            one block for each member: may it be updated, and by which numbers?
//   update           the rule: what is to be taken from each weight, and the squares of that
//   apply            take it, where all of it is finite and within its limits; count
//   bound            after these, for weights whose length into each unit is bounded
//
// A tile is a stretch of one parameter; its block has 256 threads.  Sums follow the tiles and the threads in one order
// that does not depend on the number of members, so each member equals the model alone bit by bit.  What a launch
// writes none of its blocks reads, but for those of a thread itself.

#define THREADS 256
#define MOST 1.7976931348623157e308    // the largest number there is
#define NEVER 0x4000000000000000LL  // step of a failure that has not happened

enum Rule { SGD, ADAM, NADAM, AMSGRAD, ADAMAX, RMSPROP, ADAGRAD, ADADELTA };
enum Flag { NESTEROV = 1, RATE_INSIDE = 2, EPS_INSIDE = 4, CENTERED = 8, VELOCITY = 16, LAYERWISE = 32 };
enum Treatment { STATISTIC = 1, DECAYS = 2, BOUNDED = 4, MEASURED = 8 };  // of a parameter
// Rows of the table of hyperparameters, or -1: learning rate, two that decay averages, and so on.
enum Hyper { H_RATE, H_FIRST, H_SECOND, H_EPSILON, H_DECAY, H_TRUST, HYPERS };
enum Coefficient { RATE, KEEP1, INTAKE1, KEEP2, INTAKE2, EPSILON, OWN_RATE, SHRINKAGE, CLIP, SHARE, ROOM, COEFFICIENTS };
enum Setting { L1, L2, CLIP_VALUE, CLIP_NORM, SETTINGS };      // of a member
enum Number { RATE_FACTOR, MOMENTUM, LIMIT, MAX_NORM, NUMBERS };  // of a parameter of a member
enum Part { SQUARES, SCALED, PEAK, WEIGHTS, PARTS };           // of a tile
enum Field { FIRST_TILE, TILES, TREATMENT, UNITS, UNIT_RATES, ROWS, PLACES };  // of a parameter

// Sum of one number of each thread, the same for all of them.
__device__ inline double block_sum(double value) {
    __shared__ double sums[THREADS];
    __syncthreads();  // until all have read the last one
    sums[threadIdx.x] = value;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    __syncthreads();
    return sums[0];
}

// The larger of two sizes; NaN where one of them is.
__device__ inline double larger(double a, double b) { return b > a || b != b ? b : a; }

__device__ inline double block_peak(double value) {
    __shared__ double sizes[THREADS];
    __syncthreads();
    sizes[threadIdx.x] = value;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sizes[threadIdx.x] = larger(sizes[threadIdx.x], sizes[threadIdx.x + half]);
    }
    __syncthreads();
    return sizes[0];
}

template <class T> __device__ inline T clipped(T g, T bound) { return g < -bound ? -bound : g > bound ? bound : g; }

__device__ inline double small_scale(float) { return 1; }         // squares of any float fit a double
__device__ inline double small_scale(double) { return 0x1p-900; }  // those of numbers beyond 2^500 do not
__device__ inline bool is_huge(double peak, float) { return false; }
__device__ inline bool is_huge(double peak, double) { return peak > 0x1p500; }

// A tile's place, and the parameter that it belongs to.
struct Tile {
    long long start;   // in the flat vectors of a member
    int count, parameter, first;  // numbers, and the number of the first one within the parameter
};

__device__ inline Tile tile_of(const long long *starts, const int *tiles) {
    const int *t = tiles + 3 * blockIdx.x;
    return {starts[blockIdx.x], t[0], t[1], t[2]};
}

// grid: tiles, members
template <class T>
__device__ inline void square_partials(const T *grads, const T *values, const long long *starts, const int *tiles,
                                       const int *places, const double *settings, double *parts, long long size,
                                       int clips_values) {
    Tile tile = tile_of(starts, tiles);
    long long base = blockIdx.y * size + tile.start;
    int treatment = places[PLACES * tile.parameter + TREATMENT];
    T bound = (T)settings[SETTINGS * blockIdx.y + CLIP_VALUE];
    double squares = 0, scaled = 0, peak = 0, weights = 0;
    for (int i = threadIdx.x; i < tile.count; i += THREADS) {
        T g = grads[base + i];
        peak = larger(peak, fabs((double)g));
        if (clips_values && !(treatment & STATISTIC)) g = clipped(g, bound);
        squares += (double)g * (double)g;
        double small = (double)g * small_scale(g);
        scaled += small * small;
        if (treatment & MEASURED) weights += (double)values[base + i] * (double)values[base + i];
    }
    squares = block_sum(squares);
    scaled = block_sum(scaled);
    peak = block_peak(peak);
    weights = block_sum(weights);
    if (threadIdx.x == 0) {
        double *part = parts + ((long long)blockIdx.y * gridDim.x + blockIdx.x) * PARTS;
        part[SQUARES] = squares;
        part[SCALED] = scaled;
        part[PEAK] = peak;
        part[WEIGHTS] = weights;
    }
}

// Numbers of the rule at update t, from its hyperparameters.
__device__ inline void coefficients(int rule, int flags, const double *h, double t, double *c) {
    c[RATE] = h[H_RATE];
    c[KEEP1] = h[H_FIRST];
    c[INTAKE1] = 1 - h[rule == SGD ? H_SECOND : H_FIRST];  // that of SGD is its dampening
    c[KEEP2] = h[H_SECOND];
    c[INTAKE2] = 1 - h[H_SECOND];
    c[EPSILON] = h[H_EPSILON];
    c[OWN_RATE] = 0;
    c[SHRINKAGE] = flags & LAYERWISE ? h[H_DECAY] : h[H_RATE] * h[H_DECAY];
    if (rule == ADAM || rule == NADAM) {
        double correction = sqrt(1 - pow(h[H_SECOND], t)), first = 1 - pow(h[H_FIRST], t);
        c[RATE] *= correction / first;
        c[EPSILON] *= flags & EPS_INSIDE ? correction * correction : correction;
        if (rule == NADAM) {
            c[OWN_RATE] = c[RATE] * (1 - h[H_FIRST]);
            c[RATE] *= h[H_FIRST] * first / (1 - pow(h[H_FIRST], t + 1));
        }
    }
    if (rule == ADAMAX) c[RATE] /= 1 - pow(h[H_FIRST], t);
}

// Sum of one kind of partial sums over some tiles.
__device__ inline double tiles_sum(const double *parts, int kind, int first, int count) {
    double sum = 0;
    for (int i = threadIdx.x; i < count; i += THREADS) sum += parts[(long long)(first + i) * PARTS + kind];
    return block_sum(sum);
}

// grid: members
template <class T>
__device__ inline void judge(const double *parts, const int *places, const double *numbers, const double *settings,
                             const double *table, const int *rows, const T *shares, const T *m0, const T *m1,
                             const T *m2, const T *m3, const T *weight, const bool *active, const long long *cursor,
                             const unsigned long long *clock, long long *failed, double *updates, int *allowed,
                             long long *now, double *sums, double *chosen, double *ratios, int tiles, int trained,
                             int parameters, int steps, int share_rows, int measures, int samples,
                             long long weight_stride, int rule, int flags, int clips, int clips_norm, int limited) {
    int member = blockIdx.x, members = gridDim.x;
    const double *own = parts + (long long)member * tiles * PARTS;
    double *c = chosen + member * COEFFICIENTS;
    double all = tiles_sum(own, SQUARES, 0, tiles), peak = 0, length = 0;
    for (int i = threadIdx.x; i < tiles; i += THREADS) peak = larger(peak, own[(long long)i * PARTS + PEAK]);
    peak = block_peak(peak);
    if (clips_norm) {
        bool huge = is_huge(peak, T(0));
        length = sqrt(tiles_sum(own, huge ? SCALED : SQUARES, 0, trained));
        if (huge) length /= small_scale(T(0));
    }
    double loss = 0;
    for (int k = 0; k <= measures; ++k) {  // the last one counts the samples
        const T *measure = k == 0 ? m0 : k == 1 ? m1 : k == 2 ? m2 : m3;
        double sum = 0;
        for (int i = threadIdx.x; i < samples; i += THREADS) {
            double share = weight ? (double)weight[member * weight_stride + i] : 1.0;
            sum += k < measures ? (double)measure[(long long)member * samples + i] * share : share;
        }
        sum = block_sum(sum);
        if (k == 0) loss = sum;
        if (threadIdx.x == 0) sums[member * (measures + 1) + k] = sum;
    }
    // Clipping makes a step of any finite gradient, also of one whose square is not finite.
    bool finite = isfinite((T)(clips ? peak : all)) && isfinite((T)loss);
    long long step = (long long)clock[0], before = failed[member];
    bool may = active[member] && finite && before == NEVER;
    double room = MOST, norm = settings[SETTINGS * member + CLIP_NORM];
    double factor = clips_norm ? norm / (length > norm ? length : norm) : 1.0;
    long long place = cursor[0];
    double h[HYPERS];
    for (int i = 0; i < HYPERS; ++i)
        h[i] = rows[i] < 0 ? 0 : table[((long long)rows[i] * members + member) * steps + place];
    for (int p = 0; p < parameters && (limited || flags & LAYERWISE); ++p) {
        const int *at = places + PLACES * p;
        if (!(at[TREATMENT] & MEASURED)) continue;  // the same for all threads
        double width = sqrt(tiles_sum(own, WEIGHTS, at[FIRST_TILE], at[TILES]));
        double size = (double)at[ROWS] * at[UNITS];
        double most = numbers[((long long)member * parameters + p) * NUMBERS + LIMIT] * sqrt(size) - width;
        room = most < room ? most : room;
        if (flags & LAYERWISE) {
            double slope = factor * sqrt(tiles_sum(own, SQUARES, at[FIRST_TILE], at[TILES]));
            double ratio = width > 0 && slope > 0 ? h[H_TRUST] * width / (slope + h[H_DECAY] * width) : 1.0;
            if (threadIdx.x == 0) ratios[(long long)member * parameters + p] = ratio;
        }
    }
    __syncthreads();  // all have read what the first one writes now
    if (threadIdx.x == 0) {
        if (!finite && step < before) failed[member] = step;
        allowed[member] = may;
        now[member] = step;
        if (member == 0) now[members] = place;
        if (may) updates[member] += 1;
        coefficients(rule, flags, h, updates[member], c);
        c[CLIP] = factor;
        c[SHARE] = shares ? shares[(share_rows > 1 ? (long long)member * steps : 0) + place] : 0;
        c[ROOM] = room;
    }
}

template <class T> __device__ inline T root(T square, T epsilon, int flags) {
    return flags & EPS_INSIDE ? sqrt(square + epsilon) : sqrt(square) + epsilon;
}

template <class T> __device__ inline T accelerated(T g, T *velocity, T momentum, int flags) {
    T v = *velocity * momentum + g;
    *velocity = v;
    return flags & NESTEROV ? g + v * momentum : v;
}

// What a rule takes from one weight, given its gradient; slots change.
template <class T>
__device__ inline T rule_step(int rule, int flags, T g, T *s0, T *s1, T *s2, const T *c) {
    if (rule == SGD) {
        if (flags & VELOCITY) {
            g *= c[INTAKE1];
            if (flags & RATE_INSIDE) g *= c[RATE];
            g = accelerated(g, s0, c[KEEP1], flags);
        }
        return flags & RATE_INSIDE ? g : g * c[RATE];
    }
    if (rule == ADAGRAD) {
        T square = *s0 + g * g;
        *s0 = square;
        return g / root(square, c[EPSILON], flags) * c[RATE];
    }
    if (rule == ADADELTA) {
        T square = *s0 * c[KEEP1] + g * g * c[INTAKE1];
        *s0 = square;
        g = g * root(*s1, c[EPSILON], EPS_INSIDE) / root(square, c[EPSILON], EPS_INSIDE);
        *s1 = *s1 * c[KEEP1] + g * g * c[INTAKE1];
        return g * c[RATE];
    }
    if (rule == RMSPROP) {
        T square = *s0 * c[KEEP1] + g * g * c[INTAKE1];
        *s0 = square;
        if (flags & CENTERED) {
            T mean = *s1 * c[KEEP1] + g * c[INTAKE1];
            *s1 = mean;
            square -= mean * mean;
            square = square < T(0) ? T(0) : square;  // rounding can make a variance of zero negative
        }
        g /= root(square, c[EPSILON], flags);
        if (flags & VELOCITY) g = accelerated(g, flags & CENTERED ? s2 : s1, c[KEEP2], flags);
        return g * c[RATE];
    }
    T mean = *s0 * c[KEEP1] + g * c[INTAKE1];
    *s0 = mean;
    if (rule == ADAMAX) {
        T largest = *s1 * c[KEEP2], size = fabs(g);
        largest = size > largest || size != size ? size : largest;
        *s1 = largest;
        return mean * c[RATE] / (largest + c[EPSILON]);
    }
    T square = *s1 * c[KEEP2] + g * g * c[INTAKE2];
    *s1 = square;
    if (rule == NADAM) return (mean * c[RATE] + g * c[OWN_RATE]) / root(square, c[EPSILON], flags);
    if (rule == AMSGRAD) {
        T largest = *s2;
        largest = square > largest || square != square ? square : largest;
        *s2 = largest;
        return mean * c[RATE] / root(largest, c[EPSILON], flags);
    }
    return mean / root(square, c[EPSILON], flags) * c[RATE];
}

// grid: tiles, members
template <class T>
__device__ inline void update(const T *grads, const T *values, T *s0, T *s1, T *s2, T *deltas, const long long *starts,
                              const int *tiles, const int *places, const double *numbers, const double *settings,
                              const T *unit_rates, const int *allowed, const double *chosen, const double *ratios,
                              double *lengths, long long size, int parameters, int rule, int flags,
                              int clips_values) {
    int member = blockIdx.y;
    Tile tile = tile_of(starts, tiles);
    const int *at = places + PLACES * tile.parameter;
    const double *number = numbers + ((long long)member * parameters + tile.parameter) * NUMBERS;
    const double *setting = settings + SETTINGS * member, *given = chosen + member * COEFFICIENTS;
    long long base = member * size + tile.start;
    double squares = 0;
    T c[COEFFICIENTS];
    for (int i = 0; i < COEFFICIENTS; ++i)
        c[i] = (T)(i == RATE || i == OWN_RATE || i == SHRINKAGE ? given[i] * number[RATE_FACTOR] : given[i]);
    T l1 = (T)setting[L1], l2 = (T)setting[L2], bound = (T)setting[CLIP_VALUE];
    T ratio = flags & LAYERWISE ? (T)ratios[(long long)member * parameters + tile.parameter] : T(1);
    T weight_decay = (T)given[SHRINKAGE];  // of a layerwise rule, where it is no shrinkage
    int treatment = at[TREATMENT];
    for (int i = threadIdx.x; allowed[member] && i < tile.count; i += THREADS) {
        T g = grads[base + i], w = values[base + i], delta;
        if (treatment & STATISTIC) {
            delta = (w - g) * (T)number[MOMENTUM];
        } else {
            if (clips_values) g = clipped(g, bound);
            g *= c[CLIP];
            if (flags & LAYERWISE) {
                if (treatment & DECAYS) g = (g + w * weight_decay) * ratio;
            } else if (treatment & DECAYS) {
                g += w * l2;
                g += (w > T(0) ? l1 : w < T(0) ? -l1 : T(0));
            }
            T *none = deltas + base + i;  // never looked at
            delta = rule_step(rule, flags, g, s0 ? s0 + base + i : none, s1 ? s1 + base + i : none,
                              s2 ? s2 + base + i : none, c);
            if (!(flags & LAYERWISE) && treatment & DECAYS) delta += w * c[SHRINKAGE];
            if (at[UNIT_RATES] >= 0) delta *= unit_rates[at[UNIT_RATES] + (tile.first + i) % at[UNITS]];
        }
        deltas[base + i] = delta;
        squares += (double)delta * (double)delta;
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) lengths[(long long)member * gridDim.x + blockIdx.x] = squares;
}

// Whether the update of a member is finite and within all limits.
template <class T>
__device__ inline bool is_good(const double *lengths, const double *chosen, int member, int tiles) {
    double sum = 0;
    for (int i = threadIdx.x; i < tiles; i += THREADS) sum += lengths[(long long)member * tiles + i];
    sum = block_sum(sum);
    return isfinite((T)sum) && sqrt(sum) < chosen[member * COEFFICIENTS + ROOM];
}

// grid: tiles, members
template <class T>
__device__ inline void apply(const T *deltas, T *values, T *average, const long long *starts, const int *tiles,
                             const int *places, const int *allowed, const long long *now, const double *lengths,
                             const double *chosen, const double *sums, const bool *active, long long *failed,
                             double *totals, unsigned long long *clock, long long *cursor, bool *kept,
                             long long size, int measures) {
    int member = blockIdx.y, members = gridDim.y;
    bool good = is_good<T>(lengths, chosen, member, gridDim.x), may = allowed[member];
    Tile tile = tile_of(starts, tiles);
    long long base = member * size + tile.start;
    if (may && good && !(places[PLACES * tile.parameter + TREATMENT] & BOUNDED)) {
        T share = (T)chosen[member * COEFFICIENTS + SHARE];
        for (int i = threadIdx.x; i < tile.count; i += THREADS) {
            T w = values[base + i] - deltas[base + i];
            values[base + i] = w;
            if (average) average[base + i] += (w - average[base + i]) * share;
        }
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        long long step = now[member], first = failed[member];
        if (may && !good && step < first) failed[member] = first = step;
        bool well = first == NEVER;
        kept[member] = active[member] && well;
        for (int k = 0; well && k <= measures; ++k) totals[k * members + member] += sums[member * (measures + 1) + k];
        if (well) {  // each member that goes on writes the same
            clock[0] = (unsigned long long)step + 1;
            cursor[0] = now[members] + 1;
        }
    }
}

// grid: columns / 32 of all bounded parameters, members; block: 32 x 8
template <class T>
__device__ inline void bound(const T *deltas, T *values, T *average, const long long *starts, const int *columns,
                             const int *places, const double *numbers, const int *allowed, const double *lengths,
                             const double *chosen, long long size, int parameters, int tiles) {
    __shared__ double squares[8][32];
    int member = blockIdx.y, lane = threadIdx.x / 32, across = threadIdx.x % 32;
    bool good = is_good<T>(lengths, chosen, member, tiles);
    if (!good || !allowed[member]) return;  // the same for the whole block
    int parameter = columns[2 * blockIdx.x], column = columns[2 * blockIdx.x + 1] + across;
    const int *at = places + PLACES * parameter;
    T *w = values + member * size + starts[at[FIRST_TILE]];
    const T *d = deltas + (w - values);
    bool inside = column < at[UNITS];
    double sum = 0;
    for (int row = lane; inside && row < at[ROWS]; row += 8) {
        long long i = (long long)row * at[UNITS] + column;
        T one = w[i] - d[i];
        sum += (double)one * (double)one;
    }
    squares[lane][across] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < 8; ++i) sum += squares[i][across];
    T most = (T)numbers[((long long)member * parameters + parameter) * NUMBERS + MAX_NORM], length = (T)sqrt(sum);
    T factor = most / (length > most ? length : most), share = (T)chosen[member * COEFFICIENTS + SHARE];
    for (int row = lane; inside && row < at[ROWS]; row += 8) {
        long long i = (long long)row * at[UNITS] + column;
        T one = (w[i] - d[i]) * factor;
        w[i] = one;
        if (average) average[(w - values) + i] += (one - average[(w - values) + i]) * share;
    }
}

#define KERNELS(T, NAME)                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) square_partials_##NAME(                                      \
        const T *grads, const T *values, const long long *starts, const int *tiles, const int *places,             \
        const double *settings, double *parts, long long size, int clips_values) {                                 \
        square_partials<T>(grads, values, starts, tiles, places, settings, parts, size, clips_values);             \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) judge_##NAME(                                                \
        const double *parts, const int *places, const double *numbers, const double *settings,                     \
        const double *table, const int *rows, const T *shares, int has_shares, const T *m0, const T *m1,      \
        const T *m2, const T *m3, const T *weight, int has_weight, const bool *active, const long long *cursor,    \
        const unsigned long long *clock, long long *failed, double *updates, int *allowed, long long *now,         \
        double *sums, double *chosen, double *ratios, int tiles, int trained, int parameters, int steps,           \
        int share_rows, int measures, int samples, long long weight_stride, int rule, int flags, int clips,        \
        int clips_norm, int limited) {                                                                             \
        judge<T>(parts, places, numbers, settings, table, rows, has_shares ? shares : nullptr, m0, m1, m2, m3,     \
                 has_weight ? weight : nullptr, active, cursor, clock, failed, updates, allowed, now, sums,        \
                 chosen, ratios, tiles, trained, parameters, steps, share_rows, measures, samples, weight_stride,  \
                 rule, flags, clips, clips_norm, limited);                                                         \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) update_##NAME(                                               \
        const T *grads, const T *values, T *s0, T *s1, T *s2, int slots, T *deltas, const long long *starts,       \
        const int *tiles, const int *places, const double *numbers, const double *settings, const T *unit_rates,   \
        const int *allowed, const double *chosen, const double *ratios, double *lengths, long long size,           \
        int parameters, int rule, int flags, int clips_values) {                                                   \
        update<T>(grads, values, slots > 0 ? s0 : nullptr, slots > 1 ? s1 : nullptr, slots > 2 ? s2 : nullptr,     \
                  deltas, starts, tiles, places, numbers, settings, unit_rates, allowed, chosen, ratios, lengths,  \
                  size, parameters, rule, flags, clips_values);                                                    \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) apply_##NAME(                                                \
        const T *deltas, T *values, T *average, int averages, const long long *starts, const int *tiles,           \
        const int *places, const int *allowed, const long long *now, const double *lengths, const double *chosen,  \
        const double *sums, const bool *active, long long *failed, double *totals, unsigned long long *clock,      \
        long long *cursor, bool *kept, long long size, int measures) {                                             \
        apply<T>(deltas, values, averages ? average : nullptr, starts, tiles, places, allowed, now, lengths,       \
                 chosen, sums, active, failed, totals, clock, cursor, kept, size, measures);                       \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) bound_##NAME(                                                \
        const T *deltas, T *values, T *average, int averages, const long long *starts, const int *columns,         \
        const int *places, const double *numbers, const int *allowed, const double *lengths,                       \
        const double *chosen, long long size, int parameters, int tiles) {                                         \
        bound<T>(deltas, values, averages ? average : nullptr, starts, columns, places, numbers, allowed,          \
                 lengths, chosen, size, parameters, tiles);                                                        \
    }

KERNELS(float, float)
KERNELS(double, double)

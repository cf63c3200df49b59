// Texts are rows of word numbers that end in zeros.

// Words that are kept move to the front of their row in their order, and zeros follow them.  A thread makes one word of
// the result: it counts, which no order of threads changes, where a sort would take many launches.
// Grid: x covers the words of all rows.
extern "C" __global__ void move_together(const int *words, const bool *kept, int *out, long long rows, int length) {
    long long place = (long long)blockIdx.x * blockDim.x + threadIdx.x, row = place / length;
    if (row >= rows) return;
    int wanted = (int)(place % length), seen = 0, found = 0;
    for (int i = 0; i < length && seen <= wanted; ++i)
        if (kept[row * length + i]) {
            if (seen == wanted) found = words[row * length + i];
            ++seen;
        }
    out[place] = found;
}

"""The paper's theorems as measurements: "Understanding Overfitting in Reweighting Algorithms for Worst-group
Performance" (2022), one claim per file.

Everything runs with the squared loss 1/2 (f - y)^2, y in {-1, 1}, one output, full batch, gradient descent and
float64; the weights q_i(t) are those of the benchmark's algorithms.
"""
